/**
 * A shard on a worker thread, as the supervisor sees it.
 *
 * Owns: the thread. Must not know: what a shard does. Invariant: `onDeath` runs once, when the thread has really ended,
 * unless `close` was called before: its files are closed then and its partitions may be opened elsewhere.
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { moduleBeside, NetError } from '@millrace/base'
import type { Log, Timers } from '@millrace/base'
import type {
  AnnouncedPorts,
  BrokerStanding,
  ShardListen,
  ShardPorts,
  ShardStart,
  ShardStopped,
  ShardUpdate,
} from '../shard/shard-control.ts'
import type { LeaderLoss, PartitionCheckpoint, SupervisorCalls } from '../shard/shard-control.ts'
import { Calls, PortClosedError, RemoteError } from '../thread/calls.ts'
import type { LaunchedShard } from '../supervisor/shard-launcher.ts'
import type { PooledJobs } from './pooled-jobs.ts'
import type { LogLine, ShardWorkerData, SupervisorThreadCalls, WorkerCalls } from './thread-calls.ts'
import { threadPort } from './thread-port.ts'

/** Beyond it the thread ends, and is started again, instead of taking the process with it. */
const OLD_GENERATION_MB_MAX = 512
/**
 * Small, because a shard's garbage dies young: a large young generation is only touched memory. V8 grows it when much
 * survives, which is when thousands of partitions are opened; that took a hundred collections, each with all of the stack
 * and half of the young generation to look at, when it was not allowed to.
 */
const YOUNG_GENERATION_MB_MAX = 12

export interface ShardThreadOptions {
  readonly start: ShardStart
  readonly supervisor: SupervisorCalls
  readonly jobs: PooledJobs
  readonly timers: Timers
  readonly log: Log
  readonly onDeath: (reason: Error) => void
}

export class ShardThread implements LaunchedShard {
  readonly #shard: number
  readonly #worker: Worker
  readonly #calls: Calls<WorkerCalls, SupervisorThreadCalls>
  #ending = false
  #reason: Error | null = null

  constructor({ start, supervisor, jobs, timers, log, onDeath }: ShardThreadOptions) {
    this.#shard = start.shard
    const { port1, port2 } = new MessageChannel()
    const workerData: ShardWorkerData = { start, supervisor: port2 }
    this.#worker = new Worker(new URL(moduleBeside('shard.worker', import.meta.url)), {
      name: `shard ${start.shard}`,
      workerData,
      transferList: [port2],
      resourceLimits: {
        maxOldGenerationSizeMb: OLD_GENERATION_MB_MAX,
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB_MAX,
      },
    })
    this.#worker.on('error', (error: Error) => (this.#reason ??= error))
    this.#worker.once('exit', (code) => {
      this.#calls.close()
      if (!this.#ending) onDeath(this.#reason ?? new Error(`the thread ended with code ${code}`))
    })
    this.#calls = new Calls<WorkerCalls, SupervisorThreadCalls>(threadPort(port1), timers, {
      controllerRequest: (call) => supervisor.controllerRequest(call),
      alterPartition: (request) => supervisor.alterPartition(request),
      allocateProducerIds: (request) => supervisor.allocateProducerIds(request),
      describeConfigs: (request) => supervisor.describeConfigs(request),
      lostFollowers: () => supervisor.lostFollowers(),
      leaderLost: (loss) => supervisor.leaderLost(loss),
      saveCheckpoint: (checkpoint) => supervisor.saveCheckpoint(checkpoint),
      logFailed: (failure) => supervisor.logFailed(failure),
      forgetPartition: (partition) => supervisor.forgetPartition(partition),
      folderRemoved: (removed) => supervisor.folderRemoved(removed),
      log: ({ level, fields, message }: LogLine) => log[level](fields, message),
      runJob: ({ pool, module, input }) => jobs.run({ pool, module }, input),
    })
  }

  /** Joins this shard to another one by a pipe of their own. */
  connect(peer: ShardThread): void {
    const { port1, port2 } = new MessageChannel()
    this.#connectPeer(peer.#shard, port1)
    peer.#connectPeer(this.#shard, port2)
  }

  open(): Promise<void> {
    return this.#calls.call('open', undefined)
  }

  listen(listen: ShardListen): Promise<ShardPorts> {
    return this.#calls.call('listen', listen).catch((error: unknown) => {
      // What kept a port from being bound is told to people, who know these errors by their codes.
      if (error instanceof RemoteError && error.code !== undefined)
        throw new NetError(error.code, error.message)
      throw error
    })
  }

  announce(ports: AnnouncedPorts): Promise<void> {
    return this.#calls.call('announce', ports)
  }

  setStanding(standing: BrokerStanding): Promise<void> {
    return this.#calls.call('setStanding', standing)
  }

  leaderLost(loss: LeaderLoss): Promise<void> {
    return this.#calls.call('leaderLost', loss)
  }

  publish(update: ShardUpdate): Promise<void> {
    return this.#calls.call('publish', update)
  }

  checkpoints(): Promise<readonly PartitionCheckpoint[]> {
    return this.#calls.call('checkpoints', undefined)
  }

  applyRetention(): Promise<void> {
    return this.#calls.call('applyRetention', undefined)
  }

  drain(): Promise<void> {
    return this.#calls.call('drain', undefined)
  }

  async close(): Promise<ShardStopped> {
    this.#ending = true
    try {
      return await this.#calls.call('close', undefined)
    } finally {
      await this.#worker.terminate()
    }
  }

  /** Ends the thread at once, for a start that failed. */
  async kill(): Promise<void> {
    this.#ending = true
    await this.#worker.terminate()
  }

  #connectPeer(shard: number, port: MessagePort): void {
    this.#calls.call('connectPeer', { shard, port }, [port]).catch((error: unknown) => {
      // A shard that died meanwhile is started again, and connected then.
      if (!(error instanceof PortClosedError)) throw error
    })
  }
}
