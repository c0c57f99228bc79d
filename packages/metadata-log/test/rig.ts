/** A metadata log on a simulated disk, whose completions run when the test says so. */
import { type Clock, type LeaderEpoch, type Log, type NodeId, seededRng, type Uuid } from '@millrace/base'
import type { MetadataImage, MetadataRecord } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'
import { SimDisk } from '@millrace/sim'
import { MetadataLog } from '../src/metadata-log.ts'

const silent: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
}

const clock: Clock = { monoMs: () => 0, wallMs: () => 1_700_000_000_000 }

/** With an empty data folder, durably. */
export function simDisk(seed = 1): SimDisk {
  const disk = new SimDisk({ rng: seededRng(seed) })
  disk.mkdir('/data')
  disk.syncDir('/', () => {})
  disk.settle()
  return disk
}

export function openLog(disk: SimDisk): Promise<MetadataLog> {
  return drive(
    disk,
    MetadataLog.open({
      disk,
      clock,
      log: silent,
      dataDirectory: '/data',
      clusterId: 'cluster',
      nodeId: 1 as NodeId,
    }),
  )
}

/** Completes disk operations until the promise has settled. @throws what a completion throws, or the promise rejects with */
export async function drive<T>(disk: SimDisk, promise: Promise<T>): Promise<T> {
  let settled = false
  const mark = () => void (settled = true)
  promise.then(mark, mark)
  while (!settled) {
    disk.completeNext()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return promise
}

export function uuid(number: number): Uuid {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number + 1, 12)
  return bytes.toString('base64url') as Uuid
}

/** A topic `topic-<number>` of three partitions: records that stand or fall together. */
export function topicRecords(number: number): MetadataRecord[] {
  const topicId = uuid(number)
  const replicas = [1 as NodeId]
  return [
    metadataRecord('TopicRecord', { name: `topic-${number}`, topicId }),
    ...[0, 1, 2].map((partitionId) =>
      metadataRecord('PartitionRecord', {
        partitionId,
        topicId,
        replicas,
        isr: replicas,
        removingReplicas: [],
        addingReplicas: [],
        leader: 1 as NodeId,
        leaderEpoch: 0 as LeaderEpoch,
        partitionEpoch: 0,
        directories: [],
      }),
    ),
  ]
}

/** Numbers of the topics in an image, in order; every one must have all its partitions. */
export function topicNumbers(image: MetadataImage): number[] {
  return [...image.topics.values()]
    .map(({ name, partitions }) => {
      if (partitions.length !== 3) throw new Error(`${name} has ${partitions.length} partitions`)
      return Number(name.slice('topic-'.length))
    })
    .toSorted((a, b) => a - b)
}
