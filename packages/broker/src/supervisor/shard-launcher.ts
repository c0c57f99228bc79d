/** How shards come to run: on this thread, or on threads of their own. */
import type { Env } from '@millrace/base'
import type { ShardControl, ShardStart, SupervisorCalls } from '../shard/shard-control.ts'
import { Shard } from '../shard/shard.ts'

export interface LaunchedShard extends ShardControl {
  /** Ends it at once: its start failed, or it broke. */
  kill(): Promise<void>
}

export interface ShardLauncher<L extends LaunchedShard = LaunchedShard> {
  /** @param onDeath runs once when the shard has ended without being told to */
  launch(start: ShardStart, supervisor: SupervisorCalls, onDeath: (reason: Error) => void): L
  /** Lets two shards forward requests to each other. */
  connect(a: L, b: L): void
}

/** One shard on the calling thread: embedded clusters, small machines, the simulator. */
export class InlineLauncher implements ShardLauncher<InlineShard> {
  readonly #env: Env

  constructor(env: Env) {
    this.#env = env
  }

  launch(start: ShardStart, supervisor: SupervisorCalls): InlineShard {
    return new InlineShard(this.#env, start, supervisor)
  }

  /** There is only one. */
  connect(): void {}
}

class InlineShard extends Shard implements LaunchedShard {
  async kill(): Promise<void> {
    await this.drain()
    await this.close()
  }
}
