/**
 * What a thread does once its start is behind it: it keeps what V8 compiled for the next start, and gives back the memory that
 * starting took: module sources, parse trees, half-empty pages of the heap. Of its own accord Node writes its compile cache
 * only when a thread ends, which a server does when it is killed, and V8 collects only when the heap grows.
 */
import { flushCompileCache } from 'node:module'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How long this thread has to have been calm, and what share of that it may have worked. */
const CALM_MS = 2000
const CALM_UTILIZATION_MAX = 0.05
/** A larger heap is left alone: the pause would be noticed, and what a start took is little of it. */
const HEAP_BYTES_MAX = 256 * 2 ** 20

/**
 * Runs `work` once, as soon as this thread has next to nothing to do: two collections of the whole heap in the middle of a
 * start with thousands of partitions cost more processor than what they free is worth, and delay whoever waits for it. Does
 * not keep the process alive.
 */
export function whenCalm(work: () => void): void {
  let since = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, since)
    since = now
    if (utilization > CALM_UTILIZATION_MAX) return
    clearInterval(timer)
    work()
  }, CALM_MS)
  timer.unref()
}

/** Once, when this thread is calm after its start. Blocks it for some 10 ms then. */
export function tidyUpWhenCalm(): void {
  whenCalm(() => {
    flushCompileCache()
    trimMemory()
  })
}

function trimMemory(): void {
  if (getHeapStatistics().used_heap_size > HEAP_BYTES_MAX) return
  // The function exists only in contexts that are made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
