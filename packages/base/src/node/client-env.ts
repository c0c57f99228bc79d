/**
 * The real world for clients. Its own module, so that importing a client loads no file system, no thread pool and
 * nothing else that a client does not use.
 */
import type { ClientEnv, Log } from '../env.ts'
import { nodeClock } from './clock.ts'
import { silentLog } from './log.ts'
import { nodeNet } from './net.ts'
import { nodeEntropy, nodeRng } from './random.ts'
import { nodeTimers } from './timers.ts'

export function nodeClientEnv({ log = silentLog }: { log?: Log | undefined } = {}): ClientEnv {
  return { clock: nodeClock, timers: nodeTimers, rng: nodeRng(), entropy: nodeEntropy, net: nodeNet(), log }
}
