import type { JobRunner, Rng } from '@millrace/base'
import type { Incarnation } from './incarnation.ts'
import type { Scheduler } from './scheduler.ts'
import { EventKind } from './trace.ts'

/** Jobs take up to so long, so that their order varies. */
const JOB_MS_MAX = 3

/** Runs jobs on this thread, a little later, over copies of input and output as a thread pool does. */
export function simJobs(scheduler: Scheduler, rng: Rng, owner: Incarnation): JobRunner {
  return {
    run(job, input) {
      owner.assertAlive()
      const copy = structuredClone(input)
      const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof job.run>>()
      const delayMs = rng.below(JOB_MS_MAX * 1024) / 1024
      scheduler.schedule(delayMs, EventKind.job, owner, () => {
        try {
          resolve(structuredClone(job.run(copy)))
        } catch (error) {
          // The job's own failure, which belongs to whoever asked for it.
          reject(error as Error)
        }
      })
      return promise
    },
  }
}
