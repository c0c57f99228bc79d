/**
 * Gives back the memory that starting took: module sources, parse trees, half-empty pages of the heap. V8 would do so
 * only when the heap grows, which an idle broker's never does.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Blocks this thread for some 10 ms: call it when nobody waits for an answer yet. */
export function trimMemory(): void {
  // The function exists only in contexts that are made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
