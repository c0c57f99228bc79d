/**
 * The broker's main thread: starts the shards, tells them of metadata and of each other, restarts one that dies, has
 * checkpoints written, and stops everything in order. No request's data passes through it.
 *
 * Owns: shards, shard map. Must not know: what a shard does with a request.
 * Invariants: every shard gets every metadata update once, in the order of the commits; one that is started again gets
 * the whole image first. A change is answered only when every serving shard has applied it.
 */
import { NetError } from '@millrace/base'
import type { Endpoint, Env, Uuid } from '@millrace/base'
import { imageRecords } from '@millrace/metadata'
import type { MetadataImage, MetadataRecord } from '@millrace/metadata'
import type { ResponseInputOf } from '@millrace/protocol'
import { DEFAULT_LOG_CONFIG } from '@millrace/storage'
import type { LogDirectory } from '@millrace/storage'
import type { BrokerConfig } from '../config.ts'
import type { ControllerApi, ControllerChannel } from '../controller-channel.ts'
import type { MetadataPublisher, MetadataUpdate } from '../metadata-publisher.ts'
import type {
  ControllerCall,
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

export interface SupervisorOptions {
  readonly env: Env
  readonly config: BrokerConfig
  readonly metadata: MetadataPublisher
  readonly controller: ControllerChannel
  /** Open; the supervisor closes it. */
  readonly directory: LogDirectory
  readonly launcher: ShardLauncher
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots: readonly ShardSlot[]
  readonly #map: ShardMap
  readonly #checkpoints: CheckpointWriter
  readonly #housekeeping: Housekeeping
  readonly #calls: SupervisorCalls
  #image: MetadataImage
  #unsubscribe: () => void = () => {}
  #endpoint: Endpoint
  /** Whether all shards listen on the broker's port. */
  #sharesPort = false
  #state: 'starting' | 'running' | 'stopping' = 'starting'

  constructor(options: SupervisorOptions) {
    const { env, config, controller, directory, metadata } = options
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
      controllerRequest: (call) => this.#controllerRequest(controller, call),
      saveCheckpoint: (checkpoint) => checkpoints.saveCheckpoint(checkpoint),
      forgetPartition: (partition) => checkpoints.forgetPartition(partition),
      folderRemoved: (removed) => checkpoints.folderRemoved(removed),
    }
  }

  /**
   * @returns where the broker listens
   * @throws NetError when it can't; what kept a shard from starting
   */
  async start(): Promise<Endpoint> {
    const { env, config, directory, metadata } = this.#options
    this.#unsubscribe = metadata.subscribe((update) => this.#onUpdate(update))
    this.#image = metadata.current().image
    try {
      await setStraysAside(env, directory, this.#image)
      this.#map.update(this.#image)
      const points = this.#startingPoints()
      for (const slot of this.#slots) this.#launch(slot, points)
      for (const slot of this.#slots) this.#connect(slot, slot.index)
      await Promise.all(this.#slots.map((slot) => required(slot.ask((shard) => shard.open()))))
      await this.#listen(config)
    } catch (error) {
      this.#state = 'stopping'
      this.#unsubscribe()
      await Promise.all(this.#slots.map(async (slot) => slot.shard?.kill()))
      throw error
    }
    this.#state = 'running'
    this.#housekeeping.start()
    return this.#endpoint
  }

  /** Drains connections, flushes and closes all logs, writes the checkpoints and the clean mark. */
  async stop(): Promise<void> {
    const { directory, config, env } = this.#options
    this.#state = 'stopping'
    this.#unsubscribe()
    this.#housekeeping.stop()
    // All drain before any closes: until then they forward requests to each other.
    await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.drain())))
    const stopped = await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.close())))
    for (const shard of stopped) if (shard !== null) this.#checkpoints.note(shard.checkpoints)
    if (stopped.every((shard) => shard !== null && shard.clean)) {
      const brokerEpoch = this.#image.brokers.get(config.nodeId)?.epoch ?? 0
      await new Promise<void>((resolve, reject) =>
        directory.close(brokerEpoch, (error) => (error === null ? resolve() : reject(error))),
      )
    } else {
      env.log.warn({}, 'not everything could be flushed: the next start will scan the ends of the logs')
      await this.#checkpoints.write()
    }
  }

  #launch(slot: ShardSlot, startingPoints: readonly StartingPoint[]): void {
    const { config, launcher, env } = this.#options
    const { position, controllerId } = this.#image
    const placements = this.#map.all()
    const records = [...imageRecords(this.#image)]
    const metadata = { records, position, controllerId, placements }
    const start: ShardStart = { config, shard: slot.index, metadata, startingPoints }
    slot.startedAtMs = env.clock.monoMs()
    const shard = launcher.launch(start, this.#calls, (reason) => {
      if (slot.shard === shard) this.#onDeath(slot, reason)
    })
    slot.enter(shard)
  }

  /** Joins a shard with those before `limit`. */
  #connect(slot: ShardSlot, limit: number): void {
    const { launcher } = this.#options
    for (const { index, shard } of this.#slots) {
      if (index < limit && index !== slot.index && shard !== null) launcher.connect(slot.shard!, shard)
    }
  }

  async #listen({ listener }: BrokerConfig): Promise<void> {
    const [first, ...others] = this.#slots as [ShardSlot, ...ShardSlot[]]
    const alone = others.length === 0
    // Sharing a port hides that another process has it, so that is looked at before.
    const port = alone ? listener.port : await freePort(this.#options.env.net, listener)
    this.#endpoint = { host: listener.host, port }
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
    const ownPort = this.#slots.length > 1
    const ports = await required(
      slot.ask((shard) => shard.listen({ brokerPort, ownPort, reusePort: this.#sharesPort })),
    )
    slot.ownPort = ports.ownPort ?? 0
    slot.isServing = true
    if (ports.brokerPort !== null) this.#endpoint = { host, port: ports.brokerPort }
  }

  async #announce(): Promise<void> {
    const shardPorts = this.#slots.length > 1 ? this.#slots.map(({ ownPort }) => ownPort) : []
    const ports = { brokerPort: this.#endpoint.port, shardPorts }
    await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.announce(ports))))
  }

  #onUpdate({ image, records }: MetadataUpdate): void {
    const placements = this.#map.updateTopics(image, topicsOf(records))
    this.#image = image
    const { position, controllerId } = image
    const update: ShardUpdate = { records, position, controllerId, placements }
    for (const slot of this.#slots) {
      slot.publish(update).catch((error: unknown) => this.#onBroken(slot, error))
    }
  }

  async #controllerRequest<N extends ControllerApi>(
    controller: ControllerChannel,
    { api, request, context }: ControllerCall<N>,
  ): Promise<ResponseInputOf<N>> {
    const response = await controller.request(api, request, context)
    await Promise.all(this.#slots.map((slot) => slot.applied()))
    return response
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
    const points = this.#startingPoints().map((point) => ({ ...point, cleanShutdown: false }))
    this.#launch(slot, points)
    const shard = slot.shard!
    this.#connect(slot, this.#slots.length)
    try {
      await required(slot.ask((launched) => launched.open()))
      await this.#listenOne(slot)
      await this.#announce()
      env.log.info({ shard: slot.index }, 'the shard is back')
    } catch (error) {
      if (slot.shard === shard) this.#end(slot, shard, error as Error)
    }
  }

  #startingPoints(): StartingPoint[] {
    const { directory } = this.#options
    return this.#map.all().map(({ topicId, partition }) => {
      const { name: topic } = this.#image.topics.byId(topicId)!
      const input = directory.recoveryInput({ topic, partition }, DEFAULT_LOG_CONFIG)
      const { recoveryPoint, logStartOffset, cleanShutdown } = input
      return { topic, partition, recoveryPoint, logStartOffset, cleanShutdown }
    })
  }
}

/** What a platform says that can't share a port among listeners. */
const UNSHAREABLE: ReadonlySet<string> = new Set(['ENOTSUP', 'EINVAL'])

function topicsOf(records: readonly MetadataRecord[]): Set<Uuid> {
  const topics = new Set<Uuid>()
  for (const record of records) if ('topicId' in record) topics.add(record.topicId)
  return topics
}

/** For calls without which a shard is of no use. */
async function required<T>(answer: Promise<T | null>): Promise<T> {
  const value = await answer
  if (value === null) throw new Error('the shard died while it was starting')
  return value
}
