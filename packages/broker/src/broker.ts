/** A broker: everything in one process that serves partitions, as the process that runs it sees it. */
import type { Endpoint, Env } from '@millrace/base'
import type { LogDirectory } from '@millrace/storage'
import type { BrokerConfig } from './config.ts'
import type { ControllerChannel } from './controller-channel.ts'
import type { MetadataPublisher } from './metadata-publisher.ts'
import { PooledJobs } from './node/pooled-jobs.ts'
import type { ShardLauncher } from './supervisor/shard-launcher.ts'
import { Supervisor } from './supervisor/supervisor.ts'

export interface BrokerConnections {
  readonly metadata: MetadataPublisher
  readonly controller: ControllerChannel
  /** The data folder, open; the broker closes it when it stops. */
  readonly directory: LogDirectory
}

export interface Broker {
  /**
   * Recovers the partitions, then listens. @returns where
   * @throws NetError when it can't listen, DiskError
   */
  start(): Promise<Endpoint>
  /** Drains connections, flushes, and leaves the data folder with its clean mark. */
  stop(): Promise<void>
}

export function createBroker(env: Env, config: BrokerConfig, connections: BrokerConnections): Broker {
  const jobs = new PooledJobs({ threads: config.jobThreads, log: env.log })
  let supervisor: Supervisor | null = null
  return {
    async start() {
      const launcher = await shardLauncher(env, config, jobs)
      supervisor = new Supervisor({ env, config, launcher, ...connections })
      return supervisor.start()
    },
    async stop() {
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
