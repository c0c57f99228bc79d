/**
 * Jobs in Piscina's thread pools. A pool starts with its first job, and its threads end when they have been idle for a
 * while: a broker that has nothing to validate or recover pays for neither.
 *
 * Owns: the pools. Must not know: what a job does.
 */
import { type Job, type JobRunner, keepReportsOffNetwork, type Log } from '@millrace/base'
import type { Piscina } from 'piscina'

type PoolName = Job<unknown, unknown>['pool']

export interface PooledJobsOptions {
  /** Threads of each pool; 0 runs its jobs on the calling thread. */
  readonly threads: Readonly<Record<PoolName, number>>
  readonly log: Log
}

const IDLE_TIMEOUT_MS = 10_000
/** Maintenance gives way to everything that clients wait for. */
const NICE_INCREMENT: Readonly<Record<PoolName, number>> = { codec: 0, maintenance: 10 }
const OLD_GENERATION_MB_MAX = 256

export class PooledJobs implements JobRunner {
  readonly #options: PooledJobsOptions
  readonly #pools = new Map<PoolName, Promise<Piscina>>()

  constructor(options: PooledJobsOptions) {
    this.#options = options
  }

  async run<Input, Output>(job: Pick<Job<Input, Output>, 'pool' | 'module'>, input: Input): Promise<Output> {
    if (this.#options.threads[job.pool] === 0) return runHere(job.module, input)
    const pool = await this.#pool(job.pool)
    return (await pool.run(input, { filename: job.module })) as Output
  }

  /** Ends all threads; jobs under way are rejected. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map(async (pool) => (await pool).destroy()))
  }

  #pool(name: PoolName): Promise<Piscina> {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = this.#start(name)
      this.#pools.set(name, pool)
    }
    return pool
  }

  async #start(name: PoolName): Promise<Piscina> {
    // Its loader asks for such a report, in its threads as well: see loadNativeModule of base.
    keepReportsOffNetwork()
    // Loaded only when it is needed: most brokers never are asked to validate a large compressed batch.
    const { Piscina } = await import('piscina')
    const pool = new Piscina({
      minThreads: 0,
      maxThreads: this.#options.threads[name],
      idleTimeout: IDLE_TIMEOUT_MS,
      // The default blocks an idle thread's event loop.
      atomics: 'disabled',
      niceIncrement: NICE_INCREMENT[name],
      resourceLimits: { maxOldGenerationSizeMb: OLD_GENERATION_MB_MAX },
    })
    pool.on('error', (error: unknown) =>
      this.#options.log.error({ pool: name, error }, 'a job thread failed'),
    )
    return pool
  }
}

async function runHere<Input, Output>(module: string, input: Input): Promise<Output> {
  const { default: run } = (await import(module)) as { readonly default: (input: Input) => Output }
  return run(input)
}
