/** What passes between the supervisor's thread and a shard's worker thread, beside the data in `workerData`. */
import type { Job, Log } from '@millrace/base'
import type { MessagePort } from 'node:worker_threads'
import type { ShardControl, ShardStart, SupervisorCalls } from '../shard/shard-control.ts'

export interface ShardWorkerData {
  readonly start: ShardStart
  readonly supervisor: MessagePort
}

/** What the supervisor asks of a worker. */
export type WorkerCalls = ShardControl & {
  connectPeer(peer: { readonly shard: number; readonly port: MessagePort }): void
}

export interface LogLine {
  readonly level: Exclude<keyof Log, 'child'>
  readonly fields: object
  readonly message: string
}

interface RemoteJob extends Pick<Job<unknown, unknown>, 'pool' | 'module'> {
  readonly input: unknown
}

/** What a worker asks of the supervisor's thread. */
export type SupervisorThreadCalls = SupervisorCalls & {
  log(line: LogLine): void
  runJob(job: RemoteJob): Promise<unknown>
}
