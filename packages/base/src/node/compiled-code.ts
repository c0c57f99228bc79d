/**
 * Keeps what V8 compiled during the start for the next start, where the process has a compile cache. Node writes it only
 * when a thread ends of its own accord, which a server hardly ever does: it runs for months, and is killed.
 */
import { flushCompileCache } from 'node:module'

/** Of this thread. Once it is all there, it costs next to nothing; call it when nobody waits for an answer yet. */
export function keepCompiledCode(): void {
  flushCompileCache()
}
