/**
 * Runs promise continuations to rest inside one synchronous loop.
 *
 * V8 has a checkpoint that runs every pending microtask, and those they start, until none is left; its intrinsic is
 * compiled here once. It does nothing while microtasks run already, so a simulation must be entered from a macrotask:
 * `macrotask` makes one, `assertDrains` tells a caller who forgot.
 */
import v8 from 'node:v8'

type Drain = () => void

let compiled: Drain | undefined

/** Runs all pending promise continuations. Only from a macrotask. */
export function microtaskDrain(): Drain {
  if (compiled === undefined) {
    v8.setFlagsFromString('--allow-natives-syntax')
    // oxlint-disable-next-line typescript/no-implied-eval -- the only way to name an intrinsic without a start flag
    compiled = new Function('%PerformMicrotaskCheckpoint()') as Drain
    // Compiled lazily: the first call must come while the flag is up.
    compiled()
    v8.setFlagsFromString('--no-allow-natives-syntax')
  }
  return compiled
}

/**
 * Makes Node emit `unhandledRejection` for promises rejected so far, now and not after this macrotask, so that a
 * rejection is reported within the event that caused it.
 */
export function rejectionFlush(): Drain {
  const { _tickCallback: flush } = process as unknown as { readonly _tickCallback?: Drain }
  if (typeof flush !== 'function') throw new Error('this Node has no process._tickCallback')
  return flush
}

/** @throws Error when called from inside a promise continuation, where nothing can be drained */
export function assertDrains(): void {
  const state = { drained: false }
  void Promise.resolve().then(() => {
    state.drained = true
  })
  microtaskDrain()()
  if (!state.drained) throw new Error('a simulation runs only in a macrotask: use simulate()')
}

/** Runs `task` in a macrotask of its own. */
export function macrotask<T>(task: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    port1.on('message', () => {
      port1.close()
      try {
        resolve(task())
      } catch (error) {
        reject(error as Error)
      }
    })
    port2.postMessage(null)
  })
}
