/** An observer whose disk has lost or damaged something starts all the same, and shows what its leader shows. */
import { DiskError } from '@millrace/base'
import type { SimDisk } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { QuorumCluster, type QuorumNode } from './quorum-cluster.ts'
import { topicRecords } from './rig.ts'
import { stoppingDisk } from './stopping-disk.ts'

const FOLDER = '/data/__cluster_metadata-0'
const TOPICS = 12
/** Snapshots of the observer end where its log ends, once it has rested. */
const config = { segmentBytes: 1500, snapshotIntervalMs: 1000, snapshotBytes: 2000 }

async function quorumWithTopics(): Promise<{ cluster: QuorumCluster; leader: QuorumNode }> {
  const cluster = new QuorumCluster([1])
  const leader = await cluster.start(1)
  await cluster.until(() => leader.quorum.isActive)
  for (let number = 0; number < TOPICS; number++)
    await cluster.settled(leader.quorum.append(topicRecords(number)))
  return { cluster, leader }
}

function filesOf(disk: SimDisk, pattern: RegExp): string[] {
  return disk
    .list(FOLDER)
    .map(({ name }) => name)
    .filter((name) => pattern.test(name))
}

/** An observer that has caught up, and was stopped: everything below the end of its log is known to be durable. */
async function restedObserver(cluster: QuorumCluster, id: number, restMs: number): Promise<SimDisk> {
  const observer = await cluster.start(id, { config })
  await cluster.until(() => observer.topics.length === TOPICS)
  await cluster.world.advance(restMs)
  const { disk } = observer
  await cluster.stop(id)
  return disk
}

async function showsAll(cluster: QuorumCluster, leader: QuorumNode, id: number, where: string) {
  const returned = await cluster.start(id, { config })
  await cluster.until(() => returned.topics.length === leader.topics.length)
  expect(returned.topics, where).toEqual(leader.topics)
  expect(returned.process.halts, where).toEqual([])
  await cluster.kill(id)
}

function flip(disk: SimDisk, name: string, share: number): void {
  const path = `${FOLDER}/${name}`
  const file = disk.open(path, 'read')
  const size = disk.size(file)
  disk.close(file)
  if (size > 0) disk.flipBit(path, Math.min(size - 1, Math.floor(size * share)), 3)
}

const LOG = /\.log$/
const SNAPSHOT = /\.checkpoint$/
const SHARES = [0, 0.3, 0.6, 0.95]

describe.each([
  { rest: 'just caught up', restMs: 0 },
  { rest: 'with a snapshot that ends where its log ends', restMs: 1200 },
])('an observer $rest', ({ restMs }) => {
  test.each([
    { damage: 'a segment', snapshots: false, logs: true },
    { damage: 'its snapshot', snapshots: true, logs: false },
    { damage: 'both', snapshots: true, logs: true },
  ])('comes back when $damage is damaged anywhere', async ({ snapshots, logs }) => {
    const { cluster, leader } = await quorumWithTopics()
    let id = 100
    for (const share of SHARES) {
      for (const segment of [0, -1]) {
        id += 1
        const disk = await restedObserver(cluster, id, restMs)
        if (snapshots) for (const name of filesOf(disk, SNAPSHOT)) flip(disk, name, share)
        const log = filesOf(disk, LOG).at(segment)
        if (logs && log !== undefined) flip(disk, log, share)
        await showsAll(cluster, leader, id, `segment ${segment} at ${share}`)
        // What it made of it is sound.
        await showsAll(cluster, leader, id, `segment ${segment} at ${share}, again`)
      }
    }
  })

  test('comes back when its quorum-state is damaged anywhere', async () => {
    const { cluster, leader } = await quorumWithTopics()
    let id = 200
    for (const share of SHARES) {
      id += 1
      const disk = await restedObserver(cluster, id, restMs)
      flip(disk, 'quorum-state', share)
      await showsAll(cluster, leader, id, `quorum-state at ${share}`)
    }
  })

  test('that is stopped at any step of getting over damage gets over it the next time', async () => {
    const { cluster, leader } = await quorumWithTopics()
    for (const snapshots of [false, true]) {
      for (let stop = 1; stop <= 40; stop++) {
        const id = 1000 * (snapshots ? 1 : 2) + stop
        const where = `stopped after ${stop} changes, snapshots damaged: ${snapshots}`
        const disk = await restedObserver(cluster, id, restMs)
        if (snapshots) for (const name of filesOf(disk, SNAPSHOT)) flip(disk, name, 0.5)
        for (const name of filesOf(disk, LOG)) flip(disk, name, 0.7)
        disk.stopAfter(stop)
        await cluster.start(id, { config, throughDisk: stoppingDisk }).catch((error: unknown) => {
          if (!(error instanceof DiskError)) throw error
        })
        await cluster.world.advance(50)
        if (cluster.nodes.has(id)) await cluster.kill(id, 'random')
        else disk.crash({ mode: 'random' })
        await showsAll(cluster, leader, id, where)
      }
    }
  })
})
