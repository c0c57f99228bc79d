import type { JobRunner } from '../env.ts'

/** Runs jobs on this thread, one turn later: for small machines and embedded brokers. Blocks the loop meanwhile. */
export const inlineJobs: JobRunner = {
  async run(job, input) {
    // The runners of other threads never call back within `run`; neither does this one.
    await Promise.resolve()
    return job.run(input)
  },
}
