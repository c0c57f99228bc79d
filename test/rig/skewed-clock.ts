/**
 * Loaded into a node of the rig before everything else, in each of its threads: the wall clock is ahead or behind by what
 * the file says that CLOCK_SKEW_FILE names, in milliseconds. As when somebody sets a machine's clock, the monotonic one
 * goes on undisturbed.
 */
import { existsSync, readFileSync } from 'node:fs'

const POLL_MS = 50

const file = process.env['CLOCK_SKEW_FILE']
if (file !== undefined) {
  const TrueDate = Date
  let skewMs = readSkew(file)
  setInterval(() => (skewMs = readSkew(file)), POLL_MS).unref()

  const now = (): number => TrueDate.now() + skewMs
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new TrueDate(now()).toString(),
    get: (target, property, receiver) =>
      property === 'now' ? now : (Reflect.get(target, property, receiver) as unknown),
  })
}

/** Nobody has set the clock as long as there is no file. */
function readSkew(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
}
