/** One partition on a simulated disk, with validation jobs and time in the test's hand. */
import { BufferPool, offset, seededRng } from '@millrace/base'
import type { Job, LeaderEpoch, Uuid } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import { brokerConfigSources, MetadataImage, resolveTopicConfig } from '@millrace/metadata'
import type { PartitionImage } from '@millrace/metadata'
import { SimDisk } from '@millrace/sim'
import { Log } from '@millrace/storage'
import { Deadlines } from '../../src/deadlines.ts'
import { Append } from '../../src/partition/append.ts'
import type { RequiredAcks } from '../../src/partition/append.ts'
import { BatchValidator } from '../../src/partition/batch-validator.ts'
import { Partition } from '../../src/partition/partition.ts'
import { StagedWrites } from '../../src/partition/staged-writes.ts'
import { topicSettings } from '../../src/topics/topic-settings.ts'
import type { TopicSettings } from '../../src/topics/topic-settings.ts'
import { NODE } from '../support/local-metadata.ts'
import { replicaSurroundings } from '../support/replica-surroundings.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { valuesOf } from '../support/batches.ts'

/** Compressed batches above this go to the pool. */
const INLINE_BYTES_MAX = 200

const TOPIC_ID = 'bWlsbHJhY2UtYnJva2VyMQ' as Uuid

export const IMAGE: PartitionImage = {
  replicas: [NODE],
  isr: [NODE],
  removingReplicas: [],
  addingReplicas: [],
  eligibleLeaderReplicas: [],
  lastKnownElr: [],
  directories: [],
  leader: NODE,
  leaderEpoch: 3 as LeaderEpoch,
  partitionEpoch: 0,
  leaderRecoveryState: 0,
}

/** Peers that never answer. */
const SILENT = {
  fetches: { fetch: () => {}, cancel: () => {}, onImage: () => {}, close: () => {} },
  proposals: { alterPartition: () => {}, refuseLeadership: () => {} },
}

export function settingsOf(configs: Readonly<Record<string, string>>): TopicSettings {
  const sources = brokerConfigSources(MetadataImage.empty('test'), NODE, new Map())
  return topicSettings(resolveTopicConfig(new Map(Object.entries(configs)), sources), NODE)
}

export class PartitionRig {
  readonly time = new VirtualTime()
  readonly disk = new SimDisk({ rng: seededRng(1) })
  readonly deadlines = new Deadlines(this.time, this.time)
  readonly stagedWrites = new StagedWrites(this.time)
  readonly pool = new BufferPool({ maxPooledBytes: 1 << 20 })
  readonly partition: Partition
  /** Lets the oldest validation that the pool was given come to its end. */
  readonly validations: (() => void)[] = []

  constructor(configs: Readonly<Record<string, string>> = {}, image: PartitionImage = IMAGE, index = 0) {
    this.disk.mkdir('/data')
    const settings = settingsOf(configs)
    const run = <Input, Output>(job: Job<Input, Output>, input: Input): Promise<Output> =>
      new Promise((resolve) => this.validations.push(() => resolve(job.run(input))))
    this.partition = new Partition({
      topic: 'flights',
      topicId: TOPIC_ID,
      index,
      image,
      settings,
      checkpoint: { highWatermark: offset(0), owedEndOffset: null },
      resumesEpochs: false,
      log: this.#openLog(settings),
      surroundings: {
        clock: this.time,
        stagedWrites: this.stagedWrites,
        validator: new BatchValidator({ run }, INLINE_BYTES_MAX),
        journal: silentLog,
        replicas: {
          ...replicaSurroundings(this.time, this.deadlines),
          ...(image.replicas.length > 1 && SILENT),
        },
      },
    })
    this.partition.start()
  }

  append(batch: Buffer, acks: RequiredAcks = -1): Append {
    const append = new Append(acks, () => {})
    this.partition.append(batch, append)
    return append
  }

  /** What the end of a read of a connection does. */
  write(): void {
    this.stagedWrites.writeAll()
  }

  /** Lets flushes finish. */
  flushed(): void {
    this.disk.settle()
  }

  /** What consumers can read. */
  values(): string[] {
    const read = this.partition.read(offset(0), 1 << 20, this.partition.highWatermark, true, this.pool)
    if (read.kind === 'failed') throw new Error(`error code ${read.errorCode}`)
    const values = valuesOf(read.records).map(([, value]) => value)
    read.release()
    return values
  }

  #openLog(settings: TopicSettings): Log {
    return Log.open({
      disk: this.disk,
      clock: this.time,
      directory: '/data/flights-0',
      topicId: TOPIC_ID,
      config: settings.logConfig,
      recoveryPoint: offset(0),
      cleanShutdown: false,
      checkpoints: {
        persistRecoveryPoint: (_log, done) => queueMicrotask(() => done(null)),
        persistLogStartOffset: (_log, done) => queueMicrotask(() => done(null)),
      },
      log: silentLog,
    })
  }
}
