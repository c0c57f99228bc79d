/** How close the recovery point on disk is to what is flushed, and what that is good for. */
import type { SimDisk } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { QuorumCluster, type QuorumNode } from './quorum-cluster.ts'
import { topicRecords } from './rig.ts'

const FOLDER = '/data/__cluster_metadata-0'
const LOG = `${FOLDER}/00000000000000000000.log`
/** The pause, and time for a write. */
const REST_MS = 150

async function activeVoter(throughDisk?: (disk: SimDisk) => SimDisk) {
  const cluster = new QuorumCluster([1])
  const node = await cluster.start(1, throughDisk === undefined ? {} : { throughDisk })
  await cluster.until(() => node.quorum.isActive)
  return { cluster, node }
}

async function createTopics(cluster: QuorumCluster, { quorum }: QuorumNode, from: number, count: number) {
  for (let number = from; number < from + count; number++)
    await cluster.settled(quorum.append(topicRecords(number)))
}

function flipLastByte(disk: SimDisk): void {
  disk.flipBit(LOG, disk.contentOf(LOG).length - 1, 3)
}

describe('a voter whose last committed record is damaged after a crash', () => {
  test('says so, where it was flushed a moment before, instead of forgetting it', async () => {
    const { cluster, node } = await activeVoter()
    await createTopics(cluster, node, 0, 3)
    await cluster.world.advance(REST_MS)
    const { disk } = node
    await cluster.kill(1)
    flipLastByte(disk)
    await expect(cluster.open(1)).rejects.toBeInstanceOf(MetadataLogError)
  })

  test('takes it for the torn tail of the crash, where it was flushed at the very end', async () => {
    const { cluster, node } = await activeVoter()
    await createTopics(cluster, node, 0, 2)
    await cluster.world.advance(REST_MS)
    await createTopics(cluster, node, 2, 1)
    const { disk } = node
    await cluster.kill(1)
    flipLastByte(disk)
    const again = await cluster.start(1)
    await cluster.until(() => again.quorum.isActive)
    expect(again.topics).toEqual([0, 1])
  })
})

test('flushes that follow each other share a write of the recovery point, and none waits for it', async () => {
  const renamed: string[] = []
  const { cluster, node } = await activeVoter(
    (disk) =>
      new Proxy(disk, {
        get(target, name) {
          const member = Reflect.get(target, name) as unknown
          if (typeof member !== 'function') return member
          return (...values: unknown[]): unknown => {
            if (name === 'rename') renamed.push(String(values[1]))
            return Reflect.apply(member, target, values)
          }
        },
      }),
  )
  await cluster.world.advance(REST_MS)
  renamed.length = 0
  const startMs = cluster.world.clock.monoMs()
  await createTopics(cluster, node, 0, 20)
  expect(cluster.world.clock.monoMs() - startMs).toBeLessThan(100)
  expect(renamed).toEqual([])
  await cluster.world.advance(REST_MS)
  expect(renamed).toEqual([`${FOLDER}/recovery-point-offset-checkpoint`])
  await cluster.world.advance(10 * REST_MS)
  expect(renamed).toHaveLength(1)
})
