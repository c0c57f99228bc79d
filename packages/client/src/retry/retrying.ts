/** Drives `decideRetry`: runs an operation until it succeeds, fails for good, runs out of time or is aborted. */
import type { ClientEnv } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { BrokerError, TimeoutError } from '../errors.ts'
import type { BackoffOptions } from './backoff.ts'
import { delay } from './call-scope.ts'
import type { CallScope } from './call-scope.ts'
import { decideRetry } from './retry-policy.ts'
import { withinScope } from './within-scope.ts'

export interface RetryContext {
  readonly env: Pick<ClientEnv, 'clock' | 'timers' | 'rng'>
  readonly backoff: BackoffOptions
  /** How long it may take until there is an active controller. */
  readonly noControllerTimeoutMs: number
}

/**
 * @param what for the message of a time-out, such as `create topics`
 * @param attempt gets a signal that aborts with the caller's, and at the deadline
 * @throws TimeoutError whose cause is the last failure, the caller's reason, or what the last attempt threw
 */
export async function retrying<T>(
  { env, backoff, noControllerTimeoutMs }: RetryContext,
  what: string,
  scope: CallScope,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const startMs = env.clock.monoMs()
  let attempts = 0
  let lastError: unknown
  const timedOut = (): TimeoutError => timeoutError(what, env.clock.monoMs() - startMs, attempts, lastError)
  return await withinScope(env, scope, timedOut, async (signal) => {
    for (;;) {
      attempts++
      try {
        return await attempt(signal)
      } catch (error) {
        signal.throwIfAborted()
        lastError = error
        const [nowMs, random] = [env.clock.monoMs(), env.rng.u32()]
        const deadlineMs = isWithoutController(error)
          ? Math.min(scope.deadlineMs, startMs + noControllerTimeoutMs)
          : scope.deadlineMs
        const decision = decideRetry(backoff, { error, attempts, nowMs, deadlineMs, random })
        if (decision.kind === 'fail') throw error
        if (decision.kind === 'timeout') throw timedOut()
        await delay(env.timers, decision.delayMs, signal)
      }
    }
  })
}

function isWithoutController(error: unknown): boolean {
  return error instanceof BrokerError && error.errorCode === ErrorCode.NOT_CONTROLLER
}

function timeoutError(what: string, elapsedMs: number, attempts: number, error: unknown): TimeoutError {
  const tries = attempts === 1 ? 'one try' : `${attempts} tries`
  const last = error === undefined ? 'No broker has answered' : `Last: ${errorText(error)}`
  return new TimeoutError(`${what} did not succeed in ${Math.round(elapsedMs)} ms (${tries}). ${last}`, error)
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
