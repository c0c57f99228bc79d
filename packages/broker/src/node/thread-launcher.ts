/** Runs shards on worker threads of this process, joined pairwise by pipes. */
import type { Log, Timers } from '@millrace/base'
import type { ShardStart, SupervisorCalls } from '../shard/shard-control.ts'
import type { ShardLauncher } from '../supervisor/shard-launcher.ts'
import type { PooledJobs } from './pooled-jobs.ts'
import { ShardThread } from './shard-thread.ts'

export class ThreadLauncher implements ShardLauncher<ShardThread> {
  readonly #timers: Timers
  readonly #log: Log
  readonly #jobs: PooledJobs

  constructor(timers: Timers, log: Log, jobs: PooledJobs) {
    this.#timers = timers
    this.#log = log
    this.#jobs = jobs
  }

  launch(start: ShardStart, supervisor: SupervisorCalls, onDeath: (reason: Error) => void): ShardThread {
    const log = this.#log.child({ shard: start.shard })
    return new ShardThread({ start, supervisor, onDeath, log, timers: this.#timers, jobs: this.#jobs })
  }

  connect(a: ShardThread, b: ShardThread): void {
    a.connect(b)
  }
}
