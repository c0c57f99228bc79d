/** How a consumer fetches, and where a reader starts and stops. */
import { ConfigError, requireBetween, withDefaults } from '@millrace/client'
import type { ClientOptions } from '@millrace/client'

/** Only `bootstrap` is required; the defaults are for throughput. */
export interface ConsumerOptions extends ClientOptions {
  /** A broker answers when it has this much, or after `maxWaitMs`. Default 1: at once when there is anything. */
  readonly minBytes?: number | undefined
  /** How long a broker may wait for `minBytes`. Default 500. */
  readonly maxWaitMs?: number | undefined
  /** Most that one answer carries; a batch is always whole, however large. Default 2,031,616; more for far networks. */
  readonly maxBytes?: number | undefined
  /** Most that one answer carries of one partition. Default 1,048,576. */
  readonly partitionMaxBytes?: number | undefined
  /** Memory of a reader for what was fetched ahead or is being fetched. Default 16,777,216. */
  readonly prefetchBytes?: number | undefined
  /** Where to go on when the next offset is not there. Default `error`: iteration throws an OffsetOutOfRangeError. */
  readonly offsetReset?: OffsetReset | undefined
  /** Whether the checksum of each batch is compared. Default true. */
  readonly checkCrc?: boolean | undefined
  /** A compressed batch that unpacks to more is refused. Default 134,217,728. */
  readonly decompressedBytesMax?: number | undefined
}

export type OffsetReset = 'earliest' | 'latest' | 'error'

/** `ConsumerOptions` of its own, with the defaults filled in. */
export type ResolvedConsumerOptions = {
  readonly [Key in Exclude<keyof ConsumerOptions, keyof ClientOptions>]-?: NonNullable<ConsumerOptions[Key]>
}

/** An offset, the first record that is not older than a time, or one of the ends of the log. */
export type Position =
  | 'beginning'
  | 'end'
  | { readonly offset: number }
  | { readonly timestamp: number | Date }

export interface ReadOptions {
  /** Where each partition starts. A time beyond the last record means the end. */
  readonly from: Position
  /**
   * Where each partition stops, as it is when reading starts; iteration ends when all have. Default: never, new records
   * are waited for. Where a partition has lost its end since then, as a leader without a replica may that does not flush
   * (`log.flush.policy=os`), it stops where it ends now; an offset is waited for all the same.
   */
  readonly until?: Position | undefined
  /** Only these partitions of the topic; default: all, and those that are added later from their beginning. */
  readonly partitions?: readonly number[] | undefined
  /** Aborting makes iteration throw the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** One partition to read, for `Consumer.assign`. */
export interface Assignment {
  readonly topic: string
  readonly partition: number
  readonly from: Position
  readonly until?: Position | undefined
}

const DEFAULTS: ResolvedConsumerOptions = {
  minBytes: 1,
  maxWaitMs: 500,
  // With its header, an answer fits a buffer of 2 MiB; larger ones measured slower on the same machine.
  maxBytes: 2 * 1024 * 1024 - 64 * 1024,
  partitionMaxBytes: 1024 * 1024,
  prefetchBytes: 16 * 1024 * 1024,
  offsetReset: 'error',
  checkCrc: true,
  decompressedBytesMax: 128 * 1024 * 1024,
}

const INT32_MAX = 2 ** 31 - 1

/** @throws ConfigError naming the option and what it accepts */
export function resolveConsumerOptions(options: ConsumerOptions): ResolvedConsumerOptions {
  const resolved = withDefaults(DEFAULTS, options)
  requireBetween('minBytes', resolved.minBytes, 0, INT32_MAX)
  requireBetween('maxWaitMs', resolved.maxWaitMs, 0, INT32_MAX)
  requireBetween('maxBytes', resolved.maxBytes, 1, INT32_MAX)
  requireBetween('partitionMaxBytes', resolved.partitionMaxBytes, 1, INT32_MAX)
  requireBetween('prefetchBytes', resolved.prefetchBytes, 1, Number.MAX_SAFE_INTEGER)
  requireBetween('decompressedBytesMax', resolved.decompressedBytesMax, 1, INT32_MAX)
  if (!['earliest', 'latest', 'error'].includes(resolved.offsetReset)) {
    const given = JSON.stringify(resolved.offsetReset)
    throw new ConfigError(`offsetReset must be 'earliest', 'latest' or 'error', not ${given}`)
  }
  return resolved
}

/** @throws ConfigError for a position that cannot be one */
export function requirePosition(option: string, position: Position): void {
  if (position === 'beginning' || position === 'end') return
  if (typeof position === 'object' && position !== null) {
    if ('offset' in position && Number.isSafeInteger(position.offset) && position.offset >= 0) return
    if ('timestamp' in position && Number.isSafeInteger(Number(position.timestamp))) return
  }
  const given = JSON.stringify(position)
  throw new ConfigError(`${option} must be 'beginning', 'end', { offset } or { timestamp }, not ${given}`)
}
