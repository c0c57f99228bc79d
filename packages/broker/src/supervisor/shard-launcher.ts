/** How shards come to run: on this thread, or on threads of their own. */
import type { ShardControl, ShardStart, SupervisorCalls } from '../shard/shard-control.ts'

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
