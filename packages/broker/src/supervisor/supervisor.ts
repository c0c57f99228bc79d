/**
 * The broker's main thread: registers the broker, starts the shards, tells them of metadata and of each other, restarts
 * one that dies, has checkpoints written, and stops everything in order. No request's data passes through it.
 *
 * Owns: shards, shard map. Must not know: what a shard does with a request.
 * Invariants: every shard gets every metadata update once, in the order of the commits; one that is started again gets
 * the whole image first. A change is answered only when every serving shard has applied it.
 */
import { NetError } from '@millrace/base'
import type { Endpoint, Env, Uuid } from '@millrace/base'
import { describeConfigs, imageRecords } from '@millrace/metadata'
import type { MetadataImage, MetadataRecord } from '@millrace/metadata'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { DEFAULT_LOG_CONFIG, partitionFolderName } from '@millrace/storage'
import type { LogDirectory } from '@millrace/storage'
import type { BrokerConnections } from '../broker.ts'
import type { BrokerConfig, ListenerConfig, ShardConfig } from '../config.ts'
import { ControllerRoute } from '../controller/controller-route.ts'
import { ControllerLink } from '../controller/controller-link.ts'
import type { ForwardedApi } from '../controller-channel.ts'
import { BrokerStoppedError } from '../lifecycle/broker-registration-error.ts'
import { BrokerLifecycle } from '../lifecycle/broker-lifecycle.ts'
import type { RegisteredListener } from '../lifecycle/broker-lifecycle.ts'
import type { MetadataUpdate } from '../metadata-publisher.ts'
import { newQuotaMemory } from '../replica/replication-quotas.ts'
import type {
  BrokerStanding,
  ControllerCall,
  LeaderLoss,
  ShardStart,
  ShardUpdate,
  StartingPoint,
  SupervisorCalls,
} from '../shard/shard-control.ts'
import { CheckpointWriter } from './checkpoint-writer.ts'
import { freePort } from './free-port.ts'
import { Housekeeping } from './housekeeping.ts'
import type { LaunchedShard, ShardLauncher } from './shard-launcher.ts'
import { ShardMap } from './shard-map.ts'
import { ShardSlot } from './shard-slot.ts'
import { setStraysAside } from './stray-folders.ts'

export interface SupervisorOptions extends BrokerConnections {
  readonly env: Env
  readonly config: BrokerConfig
  readonly launcher: ShardLauncher
}

const ALTER_PARTITION_VERSION = 3
const ALLOCATE_PRODUCER_IDS_VERSION = 0

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots: readonly ShardSlot[]
  readonly #map: ShardMap
  readonly #checkpoints: CheckpointWriter
  readonly #housekeeping: Housekeeping
  readonly #calls: SupervisorCalls
  readonly #brokerKeys: BrokerConfig['brokerKeys']
  readonly #shardConfig: ShardConfig
  readonly #lifecycle: BrokerLifecycle
  readonly #controller: ControllerLink
  readonly #quotaMemory = newQuotaMemory()
  #image: MetadataImage
  #unsubscribe: () => void = () => {}
  #endpoint: Endpoint
  /** Of the listeners for clients, in their order. */
  #clientPorts: readonly number[] = []
  /** Whether all shards listen on the broker's port. */
  #sharesPort = false
  #standing: BrokerStanding = 'in-session'
  #state: 'starting' | 'running' | 'stopping' = 'starting'
  #starting: Promise<Endpoint> | null = null
  #isStarted = false

  constructor(options: SupervisorOptions) {
    const { env, config, directory, metadata, quorum } = options
    const { brokerKeys, ...shardConfig } = config
    this.#brokerKeys = brokerKeys
    this.#shardConfig = shardConfig
    // Apart, so that no large request of a client stands in the way of a heartbeat.
    const heartbeats = controllerRoute(options, 0)
    this.#lifecycle = new BrokerLifecycle({
      ...options,
      controller: heartbeats,
      onSession: (isOver) => this.#stand(isOver ? 'session-over' : 'in-session'),
    })
    const route = controllerRoute(options, OLD_LEADER_ANSWERS_MS)
    this.#controller = new ControllerLink({ env, config, quorum, route })
    const count = Math.max(1, config.shards)
    this.#options = options
    this.#slots = Array.from({ length: count }, (_, index) => new ShardSlot(index))
    this.#map = new ShardMap(config.nodeId, count)
    this.#image = metadata.current().image
    this.#endpoint = config.listener
    const checkpoints = new CheckpointWriter(directory, env.log)
    this.#checkpoints = checkpoints
    this.#housekeeping = new Housekeeping(env, config, this.#slots, checkpoints)
    this.#calls = {
      controllerRequest: (call) => this.#controllerRequest(call),
      alterPartition: (request) =>
        this.#controller.askOnce('AlterPartition', request, ALTER_PARTITION_VERSION),
      allocateProducerIds: (request) =>
        this.#controller.askOnce('AllocateProducerIds', request, ALLOCATE_PRODUCER_IDS_VERSION),
      describeConfigs: (request) => this.#describeConfigs(request),
      lostFollowers: async () => {
        if (this.#standing === 'session-over') this.#stand('replaced')
      },
      leaderLost: async (loss) => this.#tellOthers(loss),
      saveCheckpoint: (checkpoint) => checkpoints.saveCheckpoint(checkpoint),
      logFailed: (failure) => checkpoints.logFailed(failure),
      forgetPartition: (partition) => checkpoints.forgetPartition(partition),
      folderRemoved: (removed) => checkpoints.folderRemoved(removed),
    }
  }

  /**
   * @returns where the broker listens
   * @throws NetError when it can't; BrokerRegistrationError, BrokerStoppedError; what kept a shard from starting
   */
  start(): Promise<Endpoint> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /** Hands the leaderships over, then drains and closes everything; ends a start that is not done. */
  async stop(): Promise<void> {
    if (!this.#isStarted) this.#lifecycle.stop()
    const endpoint = await this.#starting?.catch(() => {
      // Whoever started it is told, and everything that had begun is closed.
      return null
    })
    if (endpoint === undefined || endpoint === null) return
    await this.#lifecycle.shutDown()
    await this.#drainAndClose()
  }

  async #start(): Promise<Endpoint> {
    const { metadata } = this.#options
    this.#unsubscribe = metadata.subscribe((update) => this.#onUpdate(update))
    this.#image = metadata.current().image
    this.#lifecycle.onApplied(this.#image.position.lastOffset)
    try {
      await this.#register()
      await this.#startShards()
      // From here on a shard that dies is started again.
      this.#state = 'running'
      this.#housekeeping.start()
      await this.#lifecycle.unfence()
      await this.#applied()
    } catch (error) {
      await this.#abandonStart(error)
      throw error
    }
    this.#isStarted = true
    return this.#endpoint
  }

  /** Afterwards the image has everything that was committed before this process was registered. */
  async #register(): Promise<void> {
    const { env, config } = this.#options
    const { listener, clientListeners } = config
    // Other brokers and clients are told where, before the shards that will listen there are started.
    const port = await freePort(env.net, listener)
    const clientPorts: number[] = []
    for (const other of clientListeners) clientPorts.push(await freePort(env.net, other))
    this.#endpoint = { host: listener.host, port }
    this.#clientPorts = clientPorts
    // The first is where other nodes go.
    await this.#lifecycle.register([
      advertised(listener, port),
      ...clientListeners.map((other, at) => advertised(other, clientPorts[at]!)),
    ])
  }

  async #startShards(): Promise<void> {
    const { env, directory } = this.#options
    const claimed = await setStraysAside(env, directory, this.#image)
    this.#map.update(this.#image)
    const points = this.#startingPoints(claimed)
    for (const slot of this.#slots) this.#launch(slot, points, false)
    for (const slot of this.#slots) this.#connect(slot, slot.index)
    await Promise.all(this.#slots.map((slot) => required(slot.ask((shard) => shard.open()))))
    await this.#listen()
  }

  async #abandonStart(error: unknown): Promise<void> {
    const { directory, identity } = this.#options
    const wasRunning = this.#state === 'running'
    this.#state = 'stopping'
    this.#lifecycle.stop()
    if (wasRunning && error instanceof BrokerStoppedError) return this.#drainAndClose()
    this.#housekeeping.stop()
    this.#controller.close()
    this.#unsubscribe()
    const launched = this.#slots.flatMap(({ shard }) => shard ?? [])
    await Promise.all(launched.map((shard) => shard.kill()))
    // Nothing was opened: the folder is as clean as it was found.
    if (launched.length === 0 && directory.cleanShutdown)
      await closeCleanly(directory, identity.previousBrokerEpoch)
  }

  /** Drains connections, flushes and closes all logs, writes the checkpoints and the clean mark. */
  async #drainAndClose(): Promise<void> {
    const { directory, env } = this.#options
    this.#state = 'stopping'
    // What is published to a shard that drains waits for its requests, and those may be waiting for what is published.
    this.#unsubscribe()
    this.#housekeeping.stop()
    // All drain before any closes: until then they forward requests to each other.
    await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.drain())))
    this.#controller.close()
    const stopped = await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.close())))
    for (const shard of stopped) if (shard !== null) this.#checkpoints.note(shard.checkpoints)
    if (stopped.every((shard) => shard !== null && shard.clean)) {
      await closeCleanly(directory, this.#lifecycle.brokerEpoch)
    } else {
      env.log.warn({}, 'not everything could be flushed: the next start will scan the ends of the logs')
      await this.#checkpoints.write()
    }
  }

  #launch(slot: ShardSlot, startingPoints: readonly StartingPoint[], isRestart: boolean): void {
    const { launcher, env } = this.#options
    const config = this.#shardConfig
    const { position, controllerId } = this.#image
    const placements = this.#map.all()
    const records = [...imageRecords(this.#image)]
    const metadata = { records, position, controllerId, placements }
    const { index: shard } = slot
    const quotaMemory = this.#quotaMemory
    const start: ShardStart = { config, shard, metadata, startingPoints, isRestart, quotaMemory }
    slot.startedAtMs = env.clock.monoMs()
    const launched = launcher.launch(start, this.#calls, (reason) => {
      if (slot.shard === launched) this.#onDeath(slot, reason)
    })
    slot.enter(launched)
  }

  /** Joins a shard with those before `limit`. */
  #connect(slot: ShardSlot, limit: number): void {
    const { launcher } = this.#options
    for (const { index, shard } of this.#slots) {
      if (index < limit && index !== slot.index && shard !== null) launcher.connect(slot.shard!, shard)
    }
  }

  async #listen(): Promise<void> {
    const [first, ...others] = this.#slots as [ShardSlot, ...ShardSlot[]]
    const alone = others.length === 0
    // Sharing a port would hide that another process has it; that was looked at when the port was chosen.
    this.#sharesPort = !alone
    try {
      await this.#listenOne(first)
    } catch (error) {
      if (alone || !(error instanceof NetError) || !UNSHAREABLE.has(error.code)) throw error
      this.#sharesPort = false
      await this.#listenOne(first)
    }
    await Promise.all(others.map((slot) => this.#listenOne(slot)))
    await this.#announce()
  }

  async #listenOne(slot: ShardSlot): Promise<void> {
    const { host, port } = this.#endpoint
    const brokerPort = slot.index === 0 || this.#sharesPort ? port : null
    const clientPorts = this.#clientPorts
    const ownPort = this.#slots.length > 1
    const ports = await required(
      slot.ask((shard) => shard.listen({ brokerPort, clientPorts, ownPort, reusePort: this.#sharesPort })),
    )
    slot.ownPort = ports.ownPort ?? 0
    slot.isServing = true
    if (ports.brokerPort !== null) this.#endpoint = { host, port: ports.brokerPort }
  }

  async #announce(): Promise<void> {
    const shardPorts = this.#slots.length > 1 ? this.#slots.map(({ ownPort }) => ownPort) : []
    const ports = { brokerPort: this.#endpoint.port, clientPorts: this.#clientPorts, shardPorts }
    await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.announce(ports))))
  }

  /** Resolves when every shard has applied the update. */
  async #onUpdate({ image, records }: MetadataUpdate): Promise<void> {
    const placements = this.#map.updateTopics(image, topicsOf(records))
    this.#image = image
    const { position, controllerId } = image
    const update: ShardUpdate = { records, position, controllerId, placements }
    const published = this.#slots.map((slot) =>
      slot.publish(update).catch((error: unknown) => this.#onBroken(slot, error)),
    )
    this.#lifecycle.onImage(image)
    await Promise.all(published)
    this.#lifecycle.onApplied(position.lastOffset)
  }

  #stand(standing: BrokerStanding): void {
    this.#standing = standing
    if (standing === 'replaced')
      this.#options.env.log.warn({}, 'cut off: no controller answers, and followers have gone')
    for (const slot of this.#slots) void slot.ask((shard) => shard.setStanding(standing))
  }

  #tellOthers(loss: LeaderLoss): void {
    for (const slot of this.#slots)
      if (slot.index !== loss.shard) void slot.ask((shard) => shard.leaderLost(loss))
  }

  async #controllerRequest<N extends ForwardedApi>({
    api,
    request,
    context,
  }: ControllerCall<N>): Promise<ResponseInputOf<N>> {
    const response = await this.#controller.request(api, request, context)
    await this.#applied()
    return response
  }

  async #describeConfigs(request: RequestOf<'DescribeConfigs'>): Promise<ResponseInputOf<'DescribeConfigs'>> {
    const { nodeId: id, staticEntries } = this.#options.config
    return describeConfigs(request, this.#image, { id, keys: this.#brokerKeys, staticEntries })
  }

  /** Resolves when every shard has applied what was published so far. */
  async #applied(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.applied()))
  }

  /** A shard that can't follow the metadata must not serve on. */
  #onBroken(slot: ShardSlot, error: unknown): void {
    const { shard } = slot
    if (shard === null || this.#state === 'stopping') return
    this.#options.env.log.error({ shard: slot.index, error }, 'a shard could not apply a change of metadata')
    this.#end(slot, shard, error as Error)
  }

  #end(slot: ShardSlot, shard: LaunchedShard, reason: Error): void {
    slot.leave()
    shard.kill().then(
      () => this.#onDeath(slot, reason),
      (error: unknown) => this.#options.env.host.halt(`shard ${slot.index} can't be ended: ${String(error)}`),
    )
  }

  #onDeath(slot: ShardSlot, reason: Error): void {
    const { env, config } = this.#options
    slot.leave()
    if (this.#state !== 'running') return
    const { first, max } = config.shardRestartBackoffMs
    // A shard that lived longer than the longest pause did not die of its start.
    if (env.clock.monoMs() - slot.startedAtMs > max) slot.deathsInARow = 0
    const delayMs = Math.min(max, first * 2 ** slot.deathsInARow)
    slot.deathsInARow++
    env.log.error({ shard: slot.index, error: reason, restartInMs: delayMs }, 'a shard died')
    // Clients are no longer sent to its own port.
    void this.#announce()
    env.timers.after(delayMs, () => {
      if (this.#state === 'running') void this.#restart(slot)
    })
  }

  async #restart(slot: ShardSlot): Promise<void> {
    const { env } = this.#options
    // Whatever the folder's clean mark said, this shard's logs were written to since.
    const points = this.#startingPoints(NONE_CLAIMED).map((point) => ({ ...point, cleanShutdown: false }))
    this.#launch(slot, points, true)
    const shard = slot.shard!
    this.#connect(slot, this.#slots.length)
    try {
      await required(slot.ask((launched) => launched.open()))
      await this.#listenOne(slot)
      await this.#announce()
      await slot.ask((launched) => launched.setStanding(this.#standing))
      env.log.info({ shard: slot.index }, 'the shard is back')
    } catch (error) {
      if (slot.shard === shard) this.#end(slot, shard, error as Error)
    }
  }

  /** @param claimed names of folders that were read and belong to the topic that they are named after */
  #startingPoints(claimed: ReadonlySet<string>): StartingPoint[] {
    const { directory } = this.#options
    return this.#map.all().map(({ topicId, partition }) => {
      const { name: topic } = this.#image.topics.byId(topicId)!
      const input = directory.recoveryInput({ topic, partition }, DEFAULT_LOG_CONFIG)
      const { recoveryPoint, logStartOffset, cleanShutdown } = input
      const highWatermark = directory.highWatermark(topic, partition)
      const owedEndOffset = directory.owedEndOffset(topic, partition)
      const isClaimed = claimed.has(partitionFolderName(topic, partition))
      const offsets = { recoveryPoint, logStartOffset, highWatermark, owedEndOffset }
      return { topic, partition, isClaimed, cleanShutdown, ...offsets }
    })
  }
}

/** A shard that starts again looks for itself. */
const NONE_CLAIMED: ReadonlySet<string> = new Set()

/**
 * How long requests that an old leader has may wait for its answer when there is a new one. One that lives answers all of
 * them the moment it hears that it leads no more, as a rule before the new one is elected: this is for the way from it to
 * here. From one that is stopped or cut off no answer comes, and whoever asked waits all the longer.
 */
const OLD_LEADER_ANSWERS_MS = 150

function controllerRoute(options: SupervisorOptions, retireMs: number): ControllerRoute {
  const { env, config, quorum, localController } = options
  const { nodeId, heartbeatIntervalMs } = config
  const connectTimeoutMs = 3 * heartbeatIntervalMs
  return new ControllerRoute({ env, nodeId, quorum, localController, connectTimeoutMs, retireMs })
}

/** As other nodes, and clients of other brokers, are told. */
function advertised(listener: ListenerConfig, port: number): RegisteredListener {
  return {
    name: listener.name,
    host: listener.advertisedHost ?? listener.reachableHost,
    port: listener.advertisedPort ?? port,
    securityProtocol: 0,
  }
}

/** What a platform says that can't share a port among listeners. */
const UNSHAREABLE: ReadonlySet<string> = new Set(['ENOTSUP', 'EINVAL'])

function topicsOf(records: readonly MetadataRecord[]): Set<Uuid> {
  const topics = new Set<Uuid>()
  for (const record of records) if ('topicId' in record) topics.add(record.topicId)
  return topics
}

function closeCleanly(directory: LogDirectory, brokerEpoch: number): Promise<void> {
  return new Promise((resolve, reject) =>
    directory.close(brokerEpoch, (error) => (error === null ? resolve() : reject(error))),
  )
}

/** For calls without which a shard is of no use. */
async function required<T>(answer: Promise<T | null>): Promise<T> {
  const value = await answer
  if (value === null) throw new Error('the shard died while it was starting')
  return value
}
