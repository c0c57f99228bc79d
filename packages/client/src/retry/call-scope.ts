/** The limits of one call by the application: until when, and whether it was aborted. */
import type { ClientEnv } from '@millrace/base'

/** What every asynchronous call of the clients accepts. */
export interface CallOptions {
  /** For the whole call with its retries; default `apiTimeoutMs` of the client. */
  readonly timeoutMs?: number | undefined
  /** Aborting rejects the call with the signal's reason. What has been sent may still take effect. */
  readonly signal?: AbortSignal | undefined
}

/** `CallOptions` with the duration turned into a point on the monotonic clock. */
export interface CallScope {
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

export function callScope(env: Pick<ClientEnv, 'clock'>, options: CallOptions, defaultMs: number): CallScope {
  return { deadlineMs: env.clock.monoMs() + (options.timeoutMs ?? defaultMs), signal: options.signal }
}

/** Resolves after `delayMs`, or rejects with the signal's reason when that comes first. */
export function delay(
  timers: ClientEnv['timers'],
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timers.cancel(timer)
      reject(signal!.reason as Error)
    }
    const timer = timers.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** The promise's outcome, or a rejection with the signal's reason when that comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
