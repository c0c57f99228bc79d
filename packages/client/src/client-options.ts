/** What every client is configured with: where the cluster is, and how long to try. */
import { assert } from '@millrace/base'
import type { ClientEnv } from '@millrace/base'
import type { Dial, Wire } from './cluster/link.ts'
import { ConfigError } from './errors.ts'

/** Options that producer, consumer and admin client share. Only `bootstrap` is required. */
export interface ClientOptions {
  /** Brokers to begin with, `host:port,host:port`; the others are found through them. */
  readonly bootstrap: string | readonly string[]
  /** Appears in the brokers' logs. Default `millrace`. */
  readonly clientId?: string | undefined
  /** Default `auto`: Millrace's own frames where the broker understands them, else Kafka's protocol. */
  readonly wire?: Wire | 'auto' | undefined
  /** For TCP connection and version negotiation. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** For one request. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** For one call with all its retries. Default 60,000. */
  readonly apiTimeoutMs?: number | undefined
  /** How long a topic that the brokers do not know may take to appear before that is an error. Default 5,000. */
  readonly unknownTopicTimeoutMs?: number | undefined
  /**
   * How long calls that need the active controller are tried while the brokers say that there is none. Default: for the
   * whole time of the call, because elections pass.
   */
  readonly noControllerTimeoutMs?: number | undefined
  /** Wait before the first retry; doubles, with jitter. Default 50. */
  readonly retryBackoffMs?: number | undefined
  /** Longest wait between retries. Default 1,000. */
  readonly retryBackoffMaxMs?: number | undefined
  /** Wait before a broker that could not be reached is dialled again; doubles, with jitter. Default 50. */
  readonly reconnectBackoffMs?: number | undefined
  /** Longest wait between dials. Default 1,000. */
  readonly reconnectBackoffMaxMs?: number | undefined
  /** Metadata is fetched anew after this long even when nothing failed. Default 300,000. */
  readonly metadataMaxAgeMs?: number | undefined
  /** Clock, timers, randomness, network and log; default: the real ones, with a silent log. */
  readonly env?: ClientEnv | undefined
  /** How connections are opened; default: over `env.net`. For tests and tunnels. */
  readonly dial?: Dial | undefined
}

/** `ClientOptions` with the defaults filled in. */
export type ResolvedClientOptions = {
  readonly [Key in Exclude<keyof ClientOptions, 'bootstrap' | 'env' | 'dial'>]-?: NonNullable<
    ClientOptions[Key]
  >
}

const DURATION_MAX_MS = 2 ** 31 - 1

const DEFAULTS: ResolvedClientOptions = {
  clientId: 'millrace',
  wire: 'auto',
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  apiTimeoutMs: 60_000,
  unknownTopicTimeoutMs: 5_000,
  noControllerTimeoutMs: DURATION_MAX_MS,
  retryBackoffMs: 50,
  retryBackoffMaxMs: 1_000,
  reconnectBackoffMs: 50,
  reconnectBackoffMaxMs: 1_000,
  metadataMaxAgeMs: 300_000,
}

/** @throws ConfigError naming the option and its bounds */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  const resolved = withDefaults(DEFAULTS, options)
  for (const [name, value] of Object.entries(resolved)) {
    if (name.endsWith('Ms'))
      requireBetween(name, value as number, name.includes('Backoff') ? 0 : 1, DURATION_MAX_MS)
  }
  if (!['auto', 'native', 'kafka'].includes(resolved.wire)) {
    throw new ConfigError(`wire must be 'auto', 'native' or 'kafka', not ${JSON.stringify(resolved.wire)}`)
  }
  return resolved
}

/** The defaults, overridden by the options that are present and not undefined. */
export function withDefaults<Resolved extends object>(
  defaults: Resolved,
  options: { readonly [Key in keyof Resolved]?: Resolved[Key] | undefined },
): Resolved {
  const resolved = { ...defaults }
  for (const key of Object.keys(defaults) as (keyof Resolved)[]) {
    const value = options[key]
    if (value !== undefined) resolved[key] = value as Resolved[typeof key]
  }
  return resolved
}

/** @throws ConfigError unless the option is a whole number within the bounds */
export function requireBetween(option: string, value: number, min: number, max: number): void {
  assert(min <= max, `bounds of ${option}`)
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw new ConfigError(`${option} must be a whole number from ${min} to ${max}, not ${String(value)}`)
}
