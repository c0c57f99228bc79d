/** The real world for servers. */
import type { Env, Log } from '../env.ts'
import { nodeClock } from './clock.ts'
import { nodeDisk } from './disk.ts'
import { nodeHost } from './host.ts'
import { inlineJobs } from './inline-jobs.ts'
import { silentLog } from './log.ts'
import { nodeNet } from './net.ts'
import { nodeEntropy, nodeRng } from './random.ts'
import { nodeTimers } from './timers.ts'

/** Jobs run inline: a server replaces `jobs` by its thread pools. */
export function nodeEnv({ log = silentLog }: { log?: Log | undefined } = {}): Env {
  return {
    clock: nodeClock,
    timers: nodeTimers,
    rng: nodeRng(),
    entropy: nodeEntropy,
    net: nodeNet({ log }),
    disk: nodeDisk(),
    jobs: inlineJobs,
    host: nodeHost(log),
    log,
  }
}
