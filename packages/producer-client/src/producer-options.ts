/** How a producer batches, compresses and retries. */
import { ConfigError, requireBetween, withDefaults } from '@millrace/client'
import type { ClientOptions } from '@millrace/client'
import type { PartitionerOption } from './partitioner/partitioner.ts'

/** Only `bootstrap` is required; the defaults are for throughput at a few milliseconds of latency. */
export interface ProducerOptions extends ClientOptions {
  /**
   * When a record counts as stored. `all`: once every in-sync replica has it (default). 1: once the leader has it.
   * 0: once it has been handed to the connection; results have no offsets, and losses go unnoticed.
   */
  readonly acks?: Acks | undefined
  /**
   * Whether a batch that is sent again is stored once, in its place: brokers recognize it (KIP-98). Needs `acks: 'all'`,
   * and is the default there. Brokers that give no producer ids (Kafka before 0.11) fail every record: turn it off then.
   */
  readonly enableIdempotence?: boolean | undefined
  /** How long a record may wait for company in its batch. Default 5; 0 sends at the end of the turn. */
  readonly lingerMs?: number | undefined
  /** A batch of this size is sent without waiting. Default 65,536. */
  readonly batchBytes?: number | undefined
  /**
   * Batches grow up to this while the partition's previous one is on its way: the busier the partition, the fewer and
   * larger its requests. Keep it below the topics' `max.message.bytes`. Default 524,288, which on one machine stored
   * 1.8 times as many records of 100 B as batches that stop at 65,536, and 4 times as many as those of 16,384.
   */
  readonly batchBytesMax?: number | undefined
  /** Memory for records that are not acknowledged yet; beyond it `send` waits. Default 67,108,864. */
  readonly bufferBytes?: number | undefined
  /** How long `send` waits for memory or metadata before it rejects. Default 60,000. */
  readonly maxBlockMs?: number | undefined
  /** `send` rejects at once when this many records wait for memory or metadata. Default 1,000,000. */
  readonly waitingRecordsMax?: number | undefined
  /** Largest request, and so the largest record. Default 1,048,576. */
  readonly requestBytesMax?: number | undefined
  /** Requests on their way to one broker at the same time. Default 5; of one partition at most 5, and 1 without idempotence. */
  readonly inFlightMax?: number | undefined
  /** From accepting a record to giving up on it, retries included. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined
  /** Default `none`. `zstd` is the best choice for text and JSON; snappy and lz4 need their optional packages. */
  readonly compression?: Compression | undefined
  /** Chooses partitions of records that name none. Default: by key, and for records without key in sticky turns. */
  readonly partitioner?: PartitionerOption | undefined
}

export type Acks = 0 | 1 | 'all'

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** `ProducerOptions` of its own, with the defaults filled in. */
export type ResolvedProducerOptions = {
  readonly [Key in Exclude<keyof ProducerOptions, keyof ClientOptions>]-?: NonNullable<ProducerOptions[Key]>
}

const DEFAULTS: ResolvedProducerOptions = {
  acks: 'all',
  enableIdempotence: true,
  lingerMs: 5,
  batchBytes: 64 * 1024,
  batchBytesMax: 512 * 1024,
  bufferBytes: 64 * 1024 * 1024,
  maxBlockMs: 60_000,
  waitingRecordsMax: 1_000_000,
  requestBytesMax: 1024 * 1024,
  inFlightMax: 5,
  deliveryTimeoutMs: 120_000,
  compression: 'none',
  partitioner: 'default',
}

const INT32_MAX = 2 ** 31 - 1

/** @throws ConfigError naming the option and what it accepts */
export function resolveProducerOptions(options: ProducerOptions): ResolvedProducerOptions {
  const idempotent = options.enableIdempotence ?? (options.acks ?? DEFAULTS.acks) === 'all'
  const resolved = { ...withDefaults(DEFAULTS, options), enableIdempotence: idempotent }
  requireBetween('lingerMs', resolved.lingerMs, 0, INT32_MAX)
  requireBetween('requestBytesMax', resolved.requestBytesMax, 1024, 2 ** 30)
  requireBetween('batchBytesMax', resolved.batchBytesMax, 1, resolved.requestBytesMax)
  requireBetween('batchBytes', resolved.batchBytes, 1, resolved.batchBytesMax)
  requireBetween('bufferBytes', resolved.bufferBytes, resolved.requestBytesMax, Number.MAX_SAFE_INTEGER)
  requireBetween('maxBlockMs', resolved.maxBlockMs, 1, INT32_MAX)
  requireBetween('waitingRecordsMax', resolved.waitingRecordsMax, 1, INT32_MAX)
  requireBetween('inFlightMax', resolved.inFlightMax, 1, 1_000)
  requireBetween('deliveryTimeoutMs', resolved.deliveryTimeoutMs, 1, INT32_MAX)
  if (![0, 1, 'all'].includes(resolved.acks)) {
    throw new ConfigError(`acks must be 0, 1 or 'all', not ${JSON.stringify(resolved.acks)}`)
  }
  if (resolved.enableIdempotence && resolved.acks !== 'all') {
    throw new ConfigError(`enableIdempotence needs acks: 'all', not ${JSON.stringify(resolved.acks)}`)
  }
  if (!COMPRESSIONS.includes(resolved.compression)) {
    const known = COMPRESSIONS.join(', ')
    throw new ConfigError(`compression must be one of ${known}, not ${JSON.stringify(resolved.compression)}`)
  }
  return resolved
}
