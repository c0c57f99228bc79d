/**
 * Power cuts at every step of writing, and failed syncs with a restart before the power cut: what was acknowledged is there
 * afterwards, whole, and the log goes on.
 */
import { DiskError, NO_NODE, nodeId, ZERO_UUID } from '@millrace/base'
import type { CrashMode } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { QuorumStateFile } from '../src/quorum-state-file.ts'
import { QuorumCluster } from './quorum-cluster.ts'
import { topicRecords } from './rig.ts'
import { stoppingDisk } from './stopping-disk.ts'

const TOPICS = 4
const FOLDER = '/data/__cluster_metadata-0'
const MODES: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros', 'random']
/** Small, so that snapshots are among the steps. */
const config = { snapshotBytes: 700, segmentBytes: 500 }

/** Topics are created in pairs that share a flush. @returns numbers of those that were acknowledged before the stop */
async function createUntilStopped(cluster: QuorumCluster, from: number): Promise<number[]> {
  const acknowledged: number[] = []
  try {
    const { quorum } = await cluster.start(1, { throughDisk: stoppingDisk, config })
    await cluster.world.settle()
    for (let number = from; number < from + TOPICS; number += 2) {
      const pair = [number, number + 1].map(async (each) => {
        await quorum.append(topicRecords(each))
        acknowledged.push(each)
      })
      await cluster.settled(Promise.all(pair))
    }
    await cluster.settled(quorum.close())
  } catch (error) {
    const isExpected =
      error instanceof DiskError ||
      error instanceof MetadataLogError ||
      (error as Error).name === 'NotControllerError'
    if (!isExpected) throw error
  }
  return acknowledged
}

/** Its own world, because processes die in it. */
function clusterOn(stopAfter: number): QuorumCluster {
  const cluster = new QuorumCluster([1], stopAfter)
  cluster.disk(1)
  return cluster
}

async function powerCut(cluster: QuorumCluster, mode: CrashMode): Promise<void> {
  if (cluster.nodes.has(1)) await cluster.kill(1, mode)
  else cluster.disk(1).crash({ mode })
}

async function recover(cluster: QuorumCluster): Promise<number[]> {
  const node = await cluster.start(1, { config })
  await cluster.until(() => node.quorum.isActive)
  return node.topics
}

async function changesOfOneRun(): Promise<number> {
  const cluster = clusterOn(0)
  await cluster.world.settle()
  const before = cluster.disk(1).changes
  expect(await createUntilStopped(cluster, 0)).toHaveLength(TOPICS)
  const names = cluster
    .disk(1)
    .list('/data/__cluster_metadata-0')
    .map(({ name }) => name)
  expect(names).toContainEqual(expect.stringMatching(/^\d{20}-0000000001\.checkpoint$/))
  expect(names).not.toContain('00000000000000000000.log')
  return cluster.disk(1).changes - before
}

test.each(MODES)(
  'a power cut at any step loses no acknowledged creation (unsynced writes: %s)',
  async (mode) => {
    const changes = await changesOfOneRun()
    expect(changes).toBeGreaterThan(40)
    for (let stop = 0; stop <= changes; stop++) {
      const cluster = clusterOn(stop)
      await cluster.world.settle()
      cluster.disk(1).stopAfter(stop)
      const acknowledged = await createUntilStopped(cluster, 0)
      await powerCut(cluster, mode)

      const where = `stopped after ${stop} of ${changes} changes`
      const recovered = await recover(cluster)
      expect(recovered, where).toEqual(Array.from({ length: recovered.length }, (_, index) => index))
      expect(recovered.length, where).toBeGreaterThanOrEqual(acknowledged.length)

      // What a recovered log shows counts as committed: it must survive the next power cut, too.
      await powerCut(cluster, 'none')
      expect((await createUntilStopped(cluster, recovered.length)).length, where).toBe(TOPICS)
      await powerCut(cluster, 'none')
      const all = Array.from({ length: recovered.length + TOPICS }, (_, index) => index)
      expect(await recover(cluster), where).toEqual(all)
    }
  },
  60_000,
)

describe('trap 33: what a failed sync dropped is seen by the next process, and told durable', () => {
  test.each(['sync', 'syncDir'] as const)(
    'whichever %s fails, what the next process shows survives a power cut, and so does its vote',
    async (operation) => {
      let failures = 0
      for (let after = 0; ; after++) {
        const cluster = clusterOn(after)
        await cluster.world.settle()
        const disk = cluster.disk(1)
        disk.fail({ operation, code: 'EIO', path: /__cluster_metadata/, after })
        const acknowledged = await createUntilStopped(cluster, 0)
        disk.clearFaults()
        const hasFailed =
          acknowledged.length < TOPICS || disk.files().some((path) => path.endsWith('/sync-failed'))
        if (!hasFailed) break
        failures++
        // Killed, with the machine alive.
        if (cluster.nodes.has(1)) await cluster.kill(1, 'process')
        else disk.processDied()

        const where = `${operation} ${after}`
        expect((await recover(cluster)).length, where).toBeGreaterThanOrEqual(acknowledged.length)
        await cluster.kill(1, 'process')
        const recovered = (await recover(cluster)).length
        const vote = new QuorumStateFile(disk, FOLDER).read()
        await powerCut(cluster, 'none')
        expect(new QuorumStateFile(disk, FOLDER).read(), where).toEqual(vote)
        expect((await createUntilStopped(cluster, recovered)).length, where).toBe(TOPICS)
        await powerCut(cluster, 'none')
        const all = Array.from({ length: recovered + TOPICS }, (_, index) => index)
        expect(await recover(cluster), where).toEqual(all)
      }
      expect(failures).toBeGreaterThan(8)
    },
    60_000,
  )

  test('a vote that is seen, and not on disk, is on disk before this node takes part again, mark or no mark', async () => {
    // Alone it can't be elected, which would write its vote.
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.start(1)
    const disk = cluster.disk(1)
    await cluster.kill(1, 'process')
    const vote = { epoch: 9, leaderId: NO_NODE, voted: { id: nodeId(1), directoryId: ZERO_UUID } }
    disk.fail({ operation: 'syncDir', code: 'EIO', path: /__cluster_metadata/ })
    const written: unknown[] = []
    new QuorumStateFile(disk, FOLDER).write(vote, (error) => written.push(error?.code))
    await cluster.world.advance(100)
    expect(written).toEqual(['EIO'])
    disk.unlink(`${FOLDER}/sync-failed`)
    disk.processDied()
    await cluster.start(1)
    await cluster.kill(1, 'none')
    expect(new QuorumStateFile(disk, FOLDER).read()).toEqual(vote)
  })
})
