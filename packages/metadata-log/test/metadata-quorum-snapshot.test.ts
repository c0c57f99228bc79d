/** Snapshots made, served, fetched, and what becomes of damaged ones (KIP-630). */
import { DiskError } from '@millrace/base'
import type { SimDisk } from '@millrace/sim'
import { expect, test } from 'vitest'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { QuorumCluster, type QuorumNode } from './quorum-cluster.ts'
import { topicRecords } from './rig.ts'
import { stoppingDisk } from './stopping-disk.ts'

const FOLDER = '/data/__cluster_metadata-0'
const SNAPSHOT = /^\d{20}-\d{10}\.checkpoint$/
const config = { snapshotBytes: 4000, segmentBytes: 2000 }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

function filesOf(disk: SimDisk, pattern = SNAPSHOT): string[] {
  return disk
    .list(FOLDER)
    .map(({ name }) => name)
    .filter((name) => pattern.test(name))
}

async function createTopics(cluster: QuorumCluster, node: QuorumNode, from: number, to: number) {
  for (let number = from; number < to; number++)
    await cluster.settled(node.quorum.append(topicRecords(number)))
}

/** Three voters that have pruned what the first records said. */
async function prunedQuorum(topics = 30) {
  const cluster = new QuorumCluster([1, 2, 3])
  for (const id of [1, 2, 3]) await cluster.start(id, { config })
  const leader = await cluster.electedLeader()
  await createTopics(cluster, leader, 0, topics)
  await cluster.until(() => filesOf(leader.disk).length === 1)
  await cluster.until(() => !filesOf(leader.disk, /\.log$/).includes('00000000000000000000.log'))
  return { cluster, leader }
}

test('a snapshot is written once enough has been applied, replaces the last one, and the log loses what it holds', async () => {
  const cluster = new QuorumCluster([1])
  const node = await cluster.start(1, { config })
  await createTopics(cluster, node, 0, 16)
  await cluster.until(() => filesOf(node.disk).length === 1)
  const [first] = filesOf(node.disk)
  await createTopics(cluster, node, 16, 40)
  await cluster.until(() => filesOf(node.disk).length === 1 && filesOf(node.disk)[0] !== first)
  expect(filesOf(node.disk, /\.log$/).length).toBeLessThanOrEqual(3)
  expect(filesOf(node.disk, /\.part$/)).toEqual([])

  await cluster.kill(1)
  const again = await cluster.open(1, { config })
  expect(again.topics.length).toBeGreaterThan(20)
  again.quorum.start()
  await cluster.until(() => again.quorum.isActive)
  expect(again.topics).toEqual(numbers(40))
  await createTopics(cluster, again, 40, 41)
})

test('a snapshot is written after its interval when anything has changed', async () => {
  const cluster = new QuorumCluster([1])
  const node = await cluster.start(1, { config: { snapshotIntervalMs: 60_000 } })
  await createTopics(cluster, node, 0, 1)
  await cluster.world.advance(59_000)
  expect(filesOf(node.disk)).toEqual([])
  await cluster.world.advance(2000)
  expect(filesOf(node.disk)).toHaveLength(1)
})

test('an observer that comes late gets the snapshot, as one update that is the difference', async () => {
  const { cluster, leader } = await prunedQuorum()
  const observer = await cluster.start(11, { config })
  await cluster.until(() => observer.quorum.image.topics.size === 30)
  expect(observer.topics).toEqual(numbers(30))
  const [first] = observer.updates
  expect(first!.records.filter(({ type }) => type === 'TopicRecord').length).toBeGreaterThan(10)
  expect(first!.delta.topics.changed.size).toBe(first!.image.topics.size)
  await createTopics(cluster, leader, 30, 31)
  await cluster.until(() => observer.topics.length === 31)

  // What it fetched is a snapshot of its own from now on.
  await cluster.kill(11)
  const again = await cluster.open(11, { config })
  expect(again.quorum.image.topics.size).toBeGreaterThan(10)
})

test('a replica that was away while topics came and went shows what the others show', async () => {
  const { cluster, leader } = await prunedQuorum()
  const observer = await cluster.start(11, { config })
  await cluster.until(() => observer.topics.length === 30)
  await cluster.kill(11)
  await createTopics(cluster, leader, 30, 60)
  await cluster.until(() => filesOf(leader.disk).length === 1)
  const returned = await cluster.start(11, { config })
  await cluster.until(() => returned.topics.length === 60)
  expect(returned.quorum.image.topics.byName('topic-59')).toEqual(
    leader.quorum.image.topics.byName('topic-59'),
  )
})

test('a snapshot that was damaged at the leader is never taken over', async () => {
  const { cluster, leader } = await prunedQuorum()
  const [name] = filesOf(leader.disk)
  leader.disk.flipBit(`${FOLDER}/${name}`, 300, 2)
  const observer = await cluster.start(11, { config })
  await cluster.world.advance(3000)
  expect(observer.topics).toEqual([])
  expect(filesOf(observer.disk)).toEqual([])
  expect(cluster.world.lines.some(({ message }) => message.includes('a fetched snapshot is damaged'))).toBe(
    true,
  )
  // The next one is good.
  await createTopics(cluster, leader, 30, 60)
  await cluster.until(() => observer.topics.length === 60)
})

test('a damaged snapshot of its own: a voter does not start, an observer fetches everything again', async () => {
  const { cluster, leader } = await prunedQuorum()
  const observer = await cluster.start(11, { config })
  await cluster.until(() => observer.topics.length === 30)
  await cluster.kill(11)
  const voter = [1, 2, 3].find((id) => id !== leader.id)!
  await cluster.until(() => !filesOf(cluster.disk(voter), /\.log$/).includes('00000000000000000000.log'))
  await cluster.kill(voter)
  for (const id of [11, voter]) {
    const disk = cluster.disk(id)
    for (const name of filesOf(disk)) disk.flipBit(`${FOLDER}/${name}`, 300, 2)
  }
  await expect(cluster.start(voter, { config })).rejects.toThrow(MetadataLogError)
  const again = await cluster.start(11, { config })
  await cluster.until(() => again.topics.length === 30)
  expect(filesOf(cluster.disk(11), /\.damaged$/).length).toBeGreaterThan(0)
})

test('a crash at any step of fetching a snapshot leaves a node that fetches it again', async () => {
  const { cluster, leader } = await prunedQuorum(20)
  const whole = await cluster.start(11, { config })
  await cluster.until(() => whole.topics.length === 20)
  const changes = whole.disk.changes
  for (let stop = 1; stop <= changes; stop++) {
    const id = 100 + stop
    const disk = cluster.disk(id)
    await cluster.world.settle()
    disk.stopAfter(stop)
    await cluster.start(id, { config, throughDisk: stoppingDisk }).catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error
    })
    await cluster.world.advance(50)
    if (cluster.nodes.has(id)) await cluster.kill(id, 'random')
    else disk.crash({ mode: 'random' })
    const returned = await cluster.start(id, { config })
    await cluster.until(() => returned.topics.length === leader.topics.length)
    await cluster.kill(id)
  }
})
