/**
 * Batch operations whose items succeed or fail one by one: items that failed retriably are sent again, without those
 * that are done.
 */
import { ErrorCode } from '@millrace/protocol'
import type { Cluster } from './cluster.ts'
import { BrokerError, MillraceError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'

/** Some items of a batch operation failed; the others are done. */
export class PartialFailureError extends MillraceError {
  override readonly name = 'PartialFailureError'
  /** By item, such as the name of the topic. */
  readonly failures: ReadonlyMap<string, BrokerError>

  constructor(what: string, failures: ReadonlyMap<string, BrokerError>, total: number) {
    const messages = [...failures.values()].map((error) => error.message).join('; ')
    super('PARTIAL_FAILURE', `${what}: ${failures.size} of ${total} failed: ${messages}`)
    this.failures = failures
  }
}

export type Outcome<Result> = Result | BrokerError

export interface Batch {
  /** For messages, such as `create topics`. */
  readonly what: string
  /** The items; what an outcome belongs to. */
  readonly keys: readonly string[]
  /**
   * How long a topic that a broker does not know may take to appear there. Default 0: for the controller, a topic that
   * it does not know does not exist.
   */
  readonly unknownTopicTimeoutMs?: number
}

/**
 * @param attempt sends the given items once and returns their outcomes by key
 * @returns the results in the order of the keys
 * @throws BrokerError of a single item, PartialFailureError when there were several
 */
export async function settle<Result>(
  cluster: Cluster,
  { what, keys, unknownTopicTimeoutMs = 0 }: Batch,
  scope: CallScope,
  attempt: (pending: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, Outcome<Result>>>,
): Promise<Result[]> {
  const settled = new Map<string, Outcome<Result>>()
  if (keys.length === 0) return []
  const knownByMs = cluster.env.clock.monoMs() + unknownTopicTimeoutMs
  await cluster.retrying(what, scope, async (signal) => {
    const pending = keys.filter((key) => !settled.has(key))
    const outcomes = await attempt(pending, signal)
    const isLate = cluster.env.clock.monoMs() >= knownByMs
    let retriable: BrokerError | null = null
    for (const [key, outcome] of outcomes) {
      if (!isWorthRetrying(outcome, isLate)) settled.set(key, outcome)
      // The one that asks for new metadata speaks for all: without it the retry would fail in the same way.
      else if (retriable === null || outcome.refreshMetadata) retriable = outcome
    }
    if (retriable !== null) throw retriable
  })
  return resultsOf(what, keys, settled)
}

function isWorthRetrying<Result>(outcome: Outcome<Result>, isLate: boolean): outcome is BrokerError {
  if (!(outcome instanceof BrokerError) || !outcome.retriable) return false
  return !(isLate && outcome.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
}

function resultsOf<Result>(
  what: string,
  keys: readonly string[],
  settled: ReadonlyMap<string, Outcome<Result>>,
): Result[] {
  const failures = new Map<string, BrokerError>()
  const results: Result[] = []
  for (const key of keys) {
    const outcome = settled.get(key)
    if (outcome === undefined)
      throw new MillraceError('BAD_ANSWER', `${what}: the broker's answer lacks ${key}`)
    if (outcome instanceof BrokerError) failures.set(key, outcome)
    else results.push(outcome)
  }
  const [only] = failures.values()
  if (only === undefined) return results
  throw keys.length === 1 ? only : new PartialFailureError(what, failures, keys.length)
}

/** The result, or the error that the code stands for. */
export function outcomeOf<Result>(
  errorCode: number,
  what: string,
  message: string | null | undefined,
  result: () => Result,
): Outcome<Result> {
  return errorCode === 0 ? result() : new BrokerError(errorCode, what, message)
}
