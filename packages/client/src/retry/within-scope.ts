/** Runs something for as long as a call's limits allow. */
import type { ClientEnv } from '@millrace/base'
import { abortable } from './call-scope.ts'
import type { CallScope } from './call-scope.ts'

/**
 * @param deadlineError made when the deadline comes first
 * @param run gets a signal that aborts with the caller's, and at the deadline
 * @throws the deadline's error, the caller's reason, or what `run` throws
 */
export async function withinScope<T>(
  env: Pick<ClientEnv, 'clock' | 'timers'>,
  scope: CallScope,
  deadlineError: () => Error,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  scope.signal?.throwIfAborted()
  const limit = new AbortController()
  const onAbort = (): void => limit.abort(scope.signal!.reason)
  scope.signal?.addEventListener('abort', onAbort, { once: true })
  const leftMs = Math.max(0, scope.deadlineMs - env.clock.monoMs())
  const timer = env.timers.after(leftMs, () => limit.abort(deadlineError()))
  try {
    return await abortable(run(limit.signal), limit.signal)
  } finally {
    env.timers.cancel(timer)
    scope.signal?.removeEventListener('abort', onAbort)
  }
}
