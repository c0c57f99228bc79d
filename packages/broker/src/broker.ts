/** A broker: everything in one process that serves partitions, as the process that runs it sees it. */
import type { Endpoint, Env } from '@millrace/base'
import type { LogDirectory } from '@millrace/storage'
import type { BrokerConfig } from './config.ts'
import type { ControllerChannel } from './controller-channel.ts'
import { BrokerStoppedError } from './lifecycle/broker-registration-error.ts'
import type { BrokerIdentity } from './lifecycle/broker-lifecycle.ts'
import type { MetadataPublisher } from './metadata-publisher.ts'
import { PooledJobs } from './node/pooled-jobs.ts'
import type { QuorumView } from './quorum-view.ts'
import type { ShardLauncher } from './supervisor/shard-launcher.ts'
import { Supervisor } from './supervisor/supervisor.ts'

export interface BrokerConnections {
  readonly metadata: MetadataPublisher
  readonly quorum: QuorumView
  /** The controller of this process, asked directly while it is the active one; null in a process without one. */
  readonly localController: ControllerChannel | null
  /** The data folder, open; the broker closes it when it stops. */
  readonly directory: LogDirectory
  readonly identity: BrokerIdentity
}

export interface Broker {
  /**
   * Registers with the controller, recovers the partitions, listens, and takes up its leaderships. Waits for a controller
   * for as long as there is none. @returns where it listens
   * @throws NetError when it can't listen, DiskError, BrokerRegistrationError, BrokerStoppedError when `stop` comes first
   */
  start(): Promise<Endpoint>
  /** Hands leaderships over, drains connections, flushes, and leaves the data folder with its clean mark. */
  stop(): Promise<void>
}

export function createBroker(env: Env, config: BrokerConfig, connections: BrokerConnections): Broker {
  const jobs = new PooledJobs({ threads: config.jobThreads, log: env.log })
  let supervisor: Supervisor | null = null
  let stopped = false
  return {
    async start() {
      const launcher = await shardLauncher(env, config, jobs)
      if (stopped) throw new BrokerStoppedError()
      supervisor = new Supervisor({ env, config, launcher, ...connections })
      return supervisor.start()
    },
    async stop() {
      stopped = true
      await supervisor?.stop()
      await jobs.close()
    },
  }
}

/** Loads what the chosen way needs: next to worker threads, the main one has no use for a shard's code. */
async function shardLauncher(env: Env, config: BrokerConfig, jobs: PooledJobs): Promise<ShardLauncher> {
  if (config.shards > 0) {
    const { ThreadLauncher } = await import('./node/thread-launcher.ts')
    return new ThreadLauncher(env.timers, env.log, jobs)
  }
  const { InlineLauncher } = await import('./supervisor/inline-launcher.ts')
  const { codec, maintenance } = config.jobThreads
  return new InlineLauncher(codec + maintenance > 0 ? { ...env, jobs } : env)
}
