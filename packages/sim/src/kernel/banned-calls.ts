/**
 * Ways around `Env`: clocks, timers, chance. While a simulation runs they throw, and the run fails even when the code
 * that called them catches that.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { SimulatedStop } from './simulated-stop.ts'

/** Owner of the name, the name, what to use instead. */
type Ban = readonly [owner: object, name: string, label: string]

function bans(): Ban[] {
  const chance = ['getRandomValues', 'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID']
  const timers = ['setTimeout', 'setInterval', 'setImmediate']
  return [
    [Date, 'now', 'Date.now'],
    [Math, 'random', 'Math.random'],
    [performance, 'now', 'performance.now'],
    [AbortSignal, 'timeout', 'AbortSignal.timeout'],
    ...timers.map((name): Ban => [globalThis, name, name]),
    ...chance.map((name): Ban => [crypto, name, `crypto.${name}`]),
    ...['getRandomValues', 'randomUUID'].map((name): Ban => [globalThis.crypto, name, `crypto.${name}`]),
  ]
}

/**
 * Installs throwing stubs.
 * @param onCall told about each call
 * @returns what takes them away again
 */
export function banCalls(onCall: (label: string) => Error): () => void {
  const restores = bans().map(([owner, name, label]) => stub(owner, name, () => throwing(onCall(label))))
  restores.push(banDateOfToday(onCall), banNextTick(onCall))
  syncBuiltinESMExports()
  return () => {
    for (const restore of restores.toReversed()) restore()
    syncBuiltinESMExports()
  }
}

function throwing(error: Error): never {
  throw error
}

function stub(owner: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name)
  // Fixed by Node: it leads to one of the others.
  if (before?.configurable === false) return () => {}
  Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: true })
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name)
    else Object.defineProperty(owner, name, before)
  }
}

/** Node itself rethrows this way what a listener of an AbortSignal threw: all that a stopped process still does throws. */
function banNextTick(onCall: (label: string) => Error): () => void {
  return stub(process, 'nextTick', (task: () => void) => {
    const label = 'process.nextTick'
    try {
      task()
    } catch (error) {
      if (error instanceof SimulatedStop) return
      throw onCall(`${label} (${String(error)})`)
    }
    throw onCall(label)
  })
}

/** A date made from a number is arithmetic; one made from nothing is a clock. */
function banDateOfToday(onCall: (label: string) => Error): () => void {
  const guarded = new Proxy(Date, {
    construct(target, args, newTarget) {
      if (args.length === 0) throw onCall('new Date')
      return Reflect.construct(target, args, newTarget) as object
    },
    apply: () => throwing(onCall('Date')),
  })
  return stub(globalThis, 'Date', guarded)
}
