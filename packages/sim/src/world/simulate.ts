/**
 * Runs a program in a simulated world: in a macrotask, with calls around `Env` banned and every unhandled rejection
 * caught, and puts everything back.
 */
import { banCalls } from '../kernel/banned-calls.ts'
import { assertDrains, macrotask } from '../kernel/microtasks.ts'
import { World, type WorldOptions } from './world.ts'

export interface SimulateOptions extends WorldOptions {
  /** Errors know where they were made: a twentieth of the time of a run. Default true. */
  readonly stackTraces?: boolean
}

/** From anywhere. @throws what `program` throws; Violation */
export function simulate<T>(options: SimulateOptions, program: (world: World) => T): Promise<T> {
  return macrotask(() => simulateNow(options, program))
}

/** From a macrotask only: faster for thousands of runs. @throws what `program` throws; Violation */
export function simulateNow<T>(options: SimulateOptions, program: (world: World) => T): T {
  assertDrains()
  const { stackTraceLimit } = Error
  if (options.stackTraces === false) Error.stackTraceLimit = 0
  const world = new World(options)
  const restoreRejections = capture('unhandledRejection', (reason) => world.scheduler.onRejection(reason))
  // What `queueMicrotask` throws.
  const restoreExceptions = capture('uncaughtException', (error) => world.scheduler.onRejection(error))
  const restoreCalls = banCalls((label) =>
    world.violate('banned-call', `${label} in simulated code: use Env (${new Error().stack ?? ''})`),
  )
  try {
    const result = program(world)
    if (world.scheduler.violation !== null) throw world.scheduler.violation
    return result
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    restoreCalls()
    restoreExceptions()
    restoreRejections()
  }
}

/** Takes the place of all listeners, so that a test runner does not report what dead processes leave behind. */
function capture(
  event: 'unhandledRejection' | 'uncaughtException',
  onEvent: (reason: unknown) => void,
): () => void {
  const before = process.listeners(event as 'unhandledRejection')
  process.removeAllListeners(event)
  process.on(event, onEvent)
  return () => {
    process.removeListener(event, onEvent)
    for (const listener of before) process.on(event, listener)
  }
}
