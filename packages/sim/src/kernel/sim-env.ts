/** One process's view of the simulated world. */
import type { Disk, Env, Net, Rng } from '@millrace/base'
import type { Incarnation } from './incarnation.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimClock } from './sim-clock.ts'
import { simEntropy } from './sim-entropy.ts'
import { simJobs } from './sim-jobs.ts'
import type { SimLog } from './sim-log.ts'
import { simTimers } from './sim-timers.ts'
import { SimulatedStop } from './simulated-stop.ts'

export interface SimEnvParts {
  readonly scheduler: Scheduler
  readonly owner: Incarnation
  readonly clock: SimClock
  /** This life's stream. */
  readonly rng: Rng
  readonly net: Net
  readonly disk: Disk
  readonly log: SimLog
  /** The process stops itself. */
  readonly onHalt: (reason: string) => void
}

export function simEnv({ scheduler, owner, clock, rng, net, disk, log, onHalt }: SimEnvParts): Env {
  return {
    clock: {
      monoMs() {
        owner.assertAlive()
        return clock.monoMs()
      },
      wallMs() {
        owner.assertAlive()
        return clock.wallMs()
      },
    },
    timers: simTimers(scheduler, clock, owner),
    rng: mortal(rng.fork('rng'), owner),
    entropy: simEntropy(rng.fork('entropy'), owner),
    net,
    disk,
    jobs: simJobs(scheduler, rng.fork('jobs'), owner),
    host: {
      halt(reason) {
        owner.assertAlive()
        onHalt(reason)
        throw new SimulatedStop(`${owner.node} halted: ${reason}`)
      },
    },
    log: log.of(owner),
  }
}

/** Chance for the living only. */
function mortal(rng: Rng, owner: Incarnation): Rng {
  return {
    u32() {
      owner.assertAlive()
      return rng.u32()
    },
    below(limit) {
      owner.assertAlive()
      return rng.below(limit)
    },
    fork(label) {
      owner.assertAlive()
      return mortal(rng.fork(label), owner)
    },
  }
}
