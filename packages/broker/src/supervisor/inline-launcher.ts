/** Runs a broker's only shard on the calling thread: embedded clusters, small machines, the simulator. */
import type { Env } from '@millrace/base'
import type { ShardStart, SupervisorCalls } from '../shard/shard-control.ts'
import { Shard } from '../shard/shard.ts'
import type { LaunchedShard, ShardLauncher } from './shard-launcher.ts'

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
