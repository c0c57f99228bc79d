/**
 * Opens the logs of one shard in the broker's data folder: with what the folder knew about them, and with recovery in
 * the maintenance pool where there may be something to scan.
 *
 * Owns: what was known when the shard started. Must not know: metadata, requests.
 */
import { DiskError } from '@millrace/base'
import type { Env, Offset, Uuid } from '@millrace/base'
import { Log, NEW_LOG, recoverSegments } from '@millrace/storage'
import type { LogCheckpoints, LogConfig, RecoveryReport, TopicPartition } from '@millrace/storage'
import type { ReplicaCheckpoint } from '../replica/replica-surroundings.ts'
import type { PartitionCheckpoint, StartingPoint } from './shard-control.ts'

export interface LogOpenerOptions {
  readonly env: Pick<Env, 'disk' | 'clock' | 'jobs' | 'log'>
  readonly dataDirectory: string
  readonly producerIdExpirationMs: number
  readonly startingPoints: readonly StartingPoint[]
  /** Whether recovery runs in the maintenance pool. */
  readonly recoverInPool: boolean
  readonly saveCheckpoint: (checkpoint: PartitionCheckpoint) => Promise<void>
  /** The disk failed a log. */
  readonly onFailed: (error: DiskError) => void
}

export interface LogIdentity extends TopicPartition {
  readonly topicId: Uuid
}

export class LogOpener {
  readonly #options: LogOpenerOptions
  readonly #startingPoints: ReadonlyMap<string, StartingPoint>

  constructor(options: LogOpenerOptions) {
    this.#options = options
    this.#startingPoints = new Map(options.startingPoints.map((point) => [folderName(point), point]))
  }

  /** Opens a log that was there when the shard started. @throws DiskError, TopicIdMismatchError */
  async recover(identity: LogIdentity, config: LogConfig): Promise<Log> {
    const { env, recoverInPool } = this.#options
    const point = this.#startingPoints.get(folderName(identity))
    if (point === undefined) return this.#open(identity, config, NEW)
    const { recoveryPoint, logStartOffset, cleanShutdown } = point
    if (cleanShutdown || !recoverInPool) return this.#open(identity, config, point)
    // There is no folder when a crash came between the topic's creation and its log's.
    if (!env.disk.exists(this.#directory(identity))) return this.#open(identity, config, point)
    const recovery = await env.jobs.run(recoverSegments, {
      directory: this.#directory(identity),
      recoveryPoint,
      cleanShutdown,
      logStartOffset,
      indexIntervalBytes: config.indexIntervalBytes,
      gapsAllowed: config.cleanupPolicy.includes('compact'),
    })
    return this.#open(identity, config, point, recovery)
  }

  /** What the checkpoints said of a log that was there when the shard started. */
  checkpointOf(identity: TopicPartition): ReplicaCheckpoint {
    return this.#startingPoints.get(folderName(identity)) ?? NEW
  }

  /** Opens the log of a new partition. @throws DiskError, TopicIdMismatchError */
  create(identity: LogIdentity, config: LogConfig): Log {
    // There is a folder when a crash came before the broker heard that it has the partition.
    const isThere = this.#options.env.disk.exists(this.#directory(identity))
    return this.#open(identity, config, NEW, isThere ? undefined : NEW_LOG)
  }

  #open(
    identity: LogIdentity,
    config: LogConfig,
    { recoveryPoint, logStartOffset, cleanShutdown, isClaimed }: Omit<StartingPoint, keyof TopicPartition>,
    recovery?: RecoveryReport,
  ): Log {
    const { env, producerIdExpirationMs, onFailed } = this.#options
    return Log.open({
      disk: env.disk,
      clock: env.clock,
      directory: this.#directory(identity),
      topicId: identity.topicId,
      isClaimed,
      config,
      recoveryPoint,
      cleanShutdown,
      ...(logStartOffset !== null && { logStartOffset }),
      ...(recovery !== undefined && { recovery }),
      checkpoints: this.#checkpointsFor(identity),
      producerIdExpirationMs,
      log: env.log,
      onFailed,
    })
  }

  #directory(identity: LogIdentity): string {
    return `${this.#options.dataDirectory}/${folderName(identity)}`
  }

  /** The files that hold all partitions' offsets are the supervisor's. */
  #checkpointsFor({ topic, partition }: LogIdentity): LogCheckpoints {
    const persist = (log: Log, done: (error: DiskError | null) => void): void => {
      const { recoveryPoint, logStartOffset, directory } = log
      this.#options.saveCheckpoint({ topic, partition, recoveryPoint, logStartOffset }).then(
        () => done(null),
        (error: Error) => done(new DiskError('EIO', directory, `checkpoint (${error.message})`)),
      )
    }
    return { persistRecoveryPoint: persist, persistLogStartOffset: persist }
  }
}

const NEW = {
  isClaimed: false,
  recoveryPoint: 0 as Offset,
  logStartOffset: null,
  cleanShutdown: false,
  highWatermark: 0 as Offset,
  owedEndOffset: null,
}

function folderName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
