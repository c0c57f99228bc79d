/**
 * Batch operations whose items succeed or fail one by one: items that failed retriably are sent again, without those
 * that are done.
 */
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

/**
 * @param keys the items; what an outcome belongs to
 * @param attempt sends the given items once and returns their outcomes by key
 * @returns the results in the order of `keys`
 * @throws BrokerError of a single item, PartialFailureError when there were several
 */
export async function settle<Result>(
  cluster: Cluster,
  what: string,
  scope: CallScope,
  keys: readonly string[],
  attempt: (pending: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, Outcome<Result>>>,
): Promise<Result[]> {
  const settled = new Map<string, Outcome<Result>>()
  if (keys.length === 0) return []
  await cluster.retrying(what, scope, async (signal) => {
    const pending = keys.filter((key) => !settled.has(key))
    const outcomes = await attempt(pending, signal)
    let retriable: BrokerError | null = null
    for (const [key, outcome] of outcomes) {
      if (!(outcome instanceof BrokerError) || !outcome.retriable) settled.set(key, outcome)
      // The one that asks for new metadata speaks for all: without it the retry would fail in the same way.
      else if (retriable === null || outcome.refreshMetadata) retriable = outcome
    }
    if (retriable !== null) throw retriable
  })
  return resultsOf(what, keys, settled)
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
