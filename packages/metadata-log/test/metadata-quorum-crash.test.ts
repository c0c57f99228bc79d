/** Power cuts at every step of writing: what was acknowledged is there afterwards, whole, and the log goes on. */
import { DiskError } from '@millrace/base'
import type { CrashMode } from '@millrace/sim'
import { expect, test } from 'vitest'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { QuorumCluster } from './quorum-cluster.ts'
import { topicRecords } from './rig.ts'
import { stoppingDisk } from './stopping-disk.ts'

const TOPICS = 4
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
