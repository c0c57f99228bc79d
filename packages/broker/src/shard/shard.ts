/**
 * One thread's work: its listeners and connections, the handlers, its partitions and their logs, the way to the other
 * shards, and the metadata it has replayed. A request goes straight through on this thread, from the socket to the log
 * and back.
 *
 * Owns: everything below. Must not know: whether it runs on the supervisor's thread or on one of its own.
 * Invariants: what a read of a connection staged is written before its memory is used again; metadata is applied in
 * the order of its commits.
 */
import { BufferPool } from '@millrace/base'
import type { Endpoint, Env, NodeId } from '@millrace/base'
import { Server } from '@millrace/net'
import type { Dispatch, RequestContext } from '@millrace/net'
import { isAvailable, MetadataDelta } from '@millrace/metadata'
import { isServedOn, NO_RESPONSE } from '@millrace/protocol'
import type { DecodedRequest, Handlers } from '@millrace/protocol'
import type { ListenerConfig, ShardConfig } from '../config.ts'
import type { ControllerChannel, ForwardedApi } from '../controller-channel.ts'
import { Deadlines } from '../deadlines.ts'
import { shardedHandlers } from '../forwarding/sharded-handler.ts'
import { ShardPeers } from '../forwarding/shard-peers.ts'
import { localHandlers } from '../handlers/index.ts'
import { TopicCreation } from '../handlers/topic-creation.ts'
import { BatchValidator } from '../partition/batch-validator.ts'
import { StagedWrites } from '../partition/staged-writes.ts'
import { AlterPartitionQueue } from '../replica/alter-partition-queue.ts'
import { ReplicaFetcher } from '../replica/fetcher/replica-fetcher.ts'
import { ReplicaClock } from '../replica/replica-clock.ts'
import { ReplicationQuotas } from '../replica/replication-quotas.ts'
import type { ReplicaDriver } from '../replica/replica-driver.ts'
import type { ReplicaSurroundings } from '../replica/replica-surroundings.ts'
import { ReplicaServing } from '../replica/serving/replica-serving.ts'
import { ProducerIds } from '../producer-id/producer-ids.ts'
import type { Port } from '../thread/port.ts'
import { TopicTable } from '../topics/topic-table.ts'
import { ClusterView } from './cluster-view.ts'
import { LogOpener } from './log-opener.ts'
import { LostLeaders } from './lost-leaders.ts'
import { MetadataWaits } from './metadata-waits.ts'
import { PartitionHost } from './partition-host.ts'
import { withTurnEnd } from './turn-end.ts'
import type {
  AnnouncedPorts,
  BrokerStanding,
  LeaderLoss,
  PartitionCheckpoint,
  ShardControl,
  ShardListen,
  ShardPorts,
  ShardStart,
  ShardStopped,
  ShardUpdate,
  SupervisorCalls,
} from './shard-control.ts'

export class Shard implements ShardControl {
  readonly #env: Env
  readonly #config: ShardConfig
  readonly #start: ShardStart
  readonly #cluster: ClusterView
  readonly #deadlines: Deadlines
  readonly #stagedWrites: StagedWrites
  readonly #partitions: PartitionHost
  readonly #replicaClock: ReplicaClock
  readonly #quotas: ReplicationQuotas
  readonly #fetcher: ReplicaFetcher
  readonly #lostLeaders: LostLeaders
  readonly #metadataWaits: MetadataWaits
  readonly #proposals: AlterPartitionQueue
  readonly #replicaServing: ReplicaServing
  readonly #peers: ShardPeers
  readonly #handlers: Handlers<RequestContext>
  readonly #server: Server
  #draining = false

  constructor(world: Env, start: ShardStart, supervisor: SupervisorCalls) {
    const env = { ...world, timers: withTurnEnd(world.timers) }
    const { config } = start
    const topics = new TopicTable(start.shard)
    const pool = new BufferPool({ maxPooledBytes: config.bufferPoolBytesMax })
    const controller = controllerThrough(supervisor)
    this.#env = env
    this.#config = config
    this.#start = start
    this.#cluster = new ClusterView(config)
    this.#deadlines = new Deadlines(env.clock, env.timers)
    this.#stagedWrites = new StagedWrites(env.timers)
    this.#replicaClock = new ReplicaClock(env.timers)
    this.#quotas = new ReplicationQuotas(env.clock, start.quotaMemory)
    const { leader: leaderQuota, follower: quota } = this.#quotas
    this.#metadataWaits = new MetadataWaits(this.#deadlines)
    const onLostChanged = (leaderId: NodeId, isLost: boolean): void => {
      this.#metadataWaits.onChange()
      if (config.shards > 1) void supervisor.leaderLost({ shard: start.shard, leaderId, isLost })
    }
    this.#fetcher = new ReplicaFetcher({ env, nodeId: config.nodeId, pool, quota, onLostChanged })
    this.#lostLeaders = new LostLeaders(env.clock, this.#fetcher, this.#cluster.image)
    this.#cluster.lostForMs = (id) => this.#lostLeaders.lostForMs(id)
    this.#proposals = new AlterPartitionQueue({
      nodeId: config.nodeId,
      timers: env.timers,
      log: env.log,
      brokerEpoch: () => this.#brokerEpoch,
      ask: (request) => supervisor.alterPartition(request),
    })
    this.#partitions = this.#partitionHost(topics, supervisor)
    const isDraining = (): boolean => this.#draining
    const deadlines = this.#deadlines
    this.#replicaServing = new ReplicaServing({
      topics,
      pool,
      deadlines,
      isDraining,
      quota: leaderQuota,
      timers: env.timers,
      cluster: this.#cluster,
      responseBytesMax: config.fetchResponseBytesMax,
    })
    const local = localHandlers({
      topics,
      pool,
      controller,
      config,
      cluster: this.#cluster,
      deadlines,
      fetchResponseBytesMax: config.fetchResponseBytesMax,
      replicaServing: this.#replicaServing,
      producerIds: new ProducerIds({
        clock: env.clock,
        log: env.log,
        allocate: () =>
          supervisor.allocateProducerIds({ brokerId: config.nodeId, brokerEpoch: this.#brokerEpoch }),
      }),
      metadataWaits: this.#metadataWaits,
      topicCreation: new TopicCreation(controller, this.#deadlines, config.autoCreateWaitMs),
      isDraining,
      describeConfigs: (request) => supervisor.describeConfigs(request),
    })
    this.#peers = new ShardPeers(env.timers, local, () => this.#stagedWrites.writeSoon())
    this.#handlers = config.shards > 1 ? shardedHandlers(local, { topics, pool, peers: this.#peers }) : local
    this.#server = new Server({
      env,
      pool,
      limits: config.limits,
      dispatch: (request, context) => this.dispatch(request, context),
      beforeReuse: () => this.writeStaged(),
    })
  }

  async open(): Promise<void> {
    const { records, position, controllerId, placements } = this.#start.metadata
    this.#cluster.image = new MetadataDelta(this.#cluster.image)
      .replayAll(records)
      .apply(position)
      .with({ controllerId })
    this.#lostLeaders.onImage(this.#cluster.image)
    this.#fetcher.onImage(this.#cluster.image)
    this.#configureQuotas()
    await this.#partitions.openAll(this.#cluster.image, placements, this.#start.isRestart)
  }

  /** Answers one request, whichever wire it came by; `writeStaged` has to follow before its memory is used again. */
  dispatch(request: DecodedRequest, context: RequestContext): ReturnType<Dispatch> {
    if (!isServedOn('broker', request.api)) {
      context.connection.close(`${request.api} is not served on this listener`)
      return NO_RESPONSE
    }
    // The handler of an API takes and gives that API's bodies: more than the compiler can follow here.
    return this.#handlers[request.api](request.body as never, context) as ReturnType<Dispatch>
  }

  writeStaged(): void {
    this.#stagedWrites.writeAll()
  }

  async listen({ brokerPort, clientPorts, reusePort, ownPort }: ShardListen): Promise<ShardPorts> {
    const { listener, clientListeners } = this.#config
    const broker = brokerPort === null ? null : await this.#listen(listener, brokerPort, reusePort)
    if (broker !== null) {
      for (const [at, port] of clientPorts.entries())
        await this.#listen(clientListeners[at]!, port, reusePort)
    }
    const own = ownPort ? await this.#listen(listener, 0, false) : null
    return { brokerPort: broker?.port ?? null, ownPort: own?.port ?? null }
  }

  async announce(ports: AnnouncedPorts): Promise<void> {
    this.#cluster.ports = ports
  }

  async setStanding(standing: BrokerStanding): Promise<void> {
    this.#cluster.standing = standing
  }

  async leaderLost({ leaderId, isLost }: LeaderLoss): Promise<void> {
    this.#lostLeaders.onTold(leaderId, isLost)
    this.#metadataWaits.onChange()
  }

  async publish({ records, position, controllerId, placements }: ShardUpdate): Promise<void> {
    const delta = new MetadataDelta(this.#cluster.image).replayAll(records)
    const image = delta.apply(position).with({ controllerId })
    this.#cluster.image = image
    this.#lostLeaders.onImage(image)
    this.#fetcher.onImage(image)
    if (delta.configs.changedBrokers.size > 0) this.#configureQuotas()
    const applied = this.#partitions.apply(delta, image, placements)
    // What replicas know of themselves has changed by now, and this may let go what was held up.
    this.#fetcher.onThrottlesChanged()
    this.#replicaServing.onThrottlesChanged()
    this.#metadataWaits.onChange()
    await applied
  }

  async checkpoints(): Promise<readonly PartitionCheckpoint[]> {
    return this.#partitions.checkpoints()
  }

  async applyRetention(): Promise<void> {
    for (const partition of this.#partitions.partitions()) partition.applyRetention()
  }

  connectPeer(shard: number, port: Port): void {
    this.#peers.connect(shard, port)
  }

  async drain(): Promise<void> {
    this.#draining = true
    const closed = this.#server.close(this.#config.drainTimeoutMs)
    this.#replicaServing.drain()
    this.#metadataWaits.hurry()
    for (const partition of this.#partitions.partitions()) partition.wakeFetches()
    await closed
  }

  async close(): Promise<ShardStopped> {
    this.#peers.close()
    this.#fetcher.close()
    this.#proposals.close()
    this.writeStaged()
    const stopped = await this.#partitions.closeAll()
    this.#replicaClock.close()
    this.#deadlines.close()
    return stopped
  }

  /** Requests know by its name where they came in. */
  #listen({ name, host }: ListenerConfig, port: number, reusePort: boolean): Promise<Endpoint> {
    return this.#server.listen({ host, port, name, reusePort })
  }

  #configureQuotas(): void {
    this.#quotas.configure(this.#cluster.image, this.#config.nodeId, this.#config.staticEntries)
  }

  /** Of this broker, in the metadata that this shard has applied. */
  get #brokerEpoch(): number {
    return this.#cluster.image.brokers.get(this.#config.nodeId)?.epoch ?? -1
  }

  #replicaSurroundings(supervisor: SupervisorCalls): ReplicaSurroundings {
    const { clock, log } = this.#env
    const { nodeId, replicaLagTimeMaxMs } = this.#config
    return {
      nodeId,
      clock,
      replicaLagTimeMaxMs,
      journal: log,
      deadlines: this.#deadlines,
      fetches: this.#fetcher,
      proposals: this.#proposals,
      ticks: this.#replicaClock,
      brokerEpoch: () => this.#brokerEpoch,
      brokers: {
        brokerEpoch: (id) => this.#cluster.image.brokers.get(id)?.epoch ?? null,
        eligibleEpoch: (id) => {
          const broker = this.#cluster.image.brokers.get(id)
          return broker !== undefined && isAvailable(broker) ? broker.epoch : null
        },
        isOwnSessionOver: () => this.#cluster.standing !== 'in-session',
      },
      onDoubted: () => {
        if (this.#cluster.standing !== 'session-over') return
        this.#cluster.standing = 'replaced'
        void supervisor.lostFollowers()
      },
      saveCheckpoint: (replica) => supervisor.saveCheckpoint(checkpointOf(replica)),
    }
  }

  #partitionHost(topics: TopicTable, supervisor: SupervisorCalls): PartitionHost {
    const { config, startingPoints } = this.#start
    const env = this.#env
    return new PartitionHost({
      env,
      config,
      topics,
      folders: supervisor,
      logs: new LogOpener({
        env,
        startingPoints,
        dataDirectory: config.dataDirectory,
        producerIdExpirationMs: config.producerIdExpirationMs,
        recoverInPool: config.jobThreads.maintenance > 0,
        saveCheckpoint: (checkpoint) => supervisor.saveCheckpoint(checkpoint),
        onFailed: ({ path, message }) => void supervisor.logFailed({ path, message }),
      }),
      surroundings: {
        clock: env.clock,
        stagedWrites: this.#stagedWrites,
        validator: new BatchValidator(env.jobs, config.inlineValidationBytesMax),
        journal: env.log,
        replicas: this.#replicaSurroundings(supervisor),
      },
    })
  }
}

/** As a replica's checkpoint has it. */
function checkpointOf({
  topic,
  index: partition,
  log,
  highWatermark,
  owedEndOffset,
}: ReplicaDriver): PartitionCheckpoint {
  const { recoveryPoint, logStartOffset } = log
  return { topic, partition, recoveryPoint, logStartOffset, highWatermark, owedEndOffset }
}

function controllerThrough(supervisor: SupervisorCalls): ControllerChannel<ForwardedApi> {
  return { request: (api, request, context) => supervisor.controllerRequest({ api, request, context }) }
}
