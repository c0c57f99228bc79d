/**
 * Brokers inside a test, reached over the loopback network and served by `net`'s server, so that clients run unchanged
 * against them in virtual time. Tests script what goes wrong with `intercept`.
 */
import { leaderEpoch, nodeId, randomUuid, seededRng } from '@millrace/base'
import type { ClientEnv, Endpoint, Uuid } from '@millrace/base'
import { Server } from '@millrace/net'
import type { Answer, RequestContext } from '@millrace/net'
import type { ApiName, DecodedRequest, RequestOf } from '@millrace/protocol'
import { LoopbackNet } from '../../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { answerRequest } from './fake-broker.ts'
import { FakePartition } from './fake-partition.ts'

export interface FakeTopic {
  readonly name: string
  readonly topicId: Uuid
  readonly partitions: FakePartition[]
}

/** What a test does to a request: an answer of its own, `drop` (the connection), `ignore` (no answer), or nothing. */
type Intervention = Answer | Promise<Answer> | 'drop' | 'ignore' | undefined
type Interceptor<Name extends ApiName> = (request: RequestOf<Name>, brokerId: number) => Intervention

export interface SeenRequest {
  readonly brokerId: number
  readonly request: DecodedRequest
}

export class FakeCluster {
  readonly world = new VirtualWorld()
  readonly loopback = new LoopbackNet(this.world)
  readonly topics = new Map<string, FakeTopic>()
  readonly seen: SeenRequest[] = []
  readonly env: ClientEnv
  /** What ApiVersions says; 0: Kafka's wire only. */
  nativeWire = 0
  autoCreatePartitions = 0
  logAppendTime = -1
  nextProducerId = 4000
  readonly #brokers = new Map<number, { readonly endpoint: Endpoint; readonly server: Server }>()
  readonly #interceptors = new Map<ApiName, Interceptor<ApiName>>()
  readonly #rng = seededRng(7)

  private constructor() {
    const { clock, timers, log } = this.world
    const entropy = { bytes: (length: number) => Uint8Array.from({ length }, () => this.#rng.below(256)) }
    this.env = { clock, timers, log, rng: this.#rng.fork('client'), entropy, net: this.loopback.net }
  }

  static async start(brokers = 1): Promise<FakeCluster> {
    const cluster = new FakeCluster()
    for (let id = 1; id <= brokers; id++) await cluster.startBroker(id)
    return cluster
  }

  get bootstrap(): string {
    return '127.0.0.1:9001'
  }

  get brokers(): { nodeId: ReturnType<typeof nodeId>; host: string; port: number }[] {
    return [...this.#brokers].map(([id, { endpoint }]) => ({ nodeId: nodeId(id), ...endpoint }))
  }

  async startBroker(id: number): Promise<void> {
    const endpoint = { host: '127.0.0.1', port: 9000 + id }
    const { clock, timers, log } = this.world
    const server = new Server({
      env: { net: this.loopback.net, clock, timers, log },
      dispatch: (request, context) => this.#dispatch(id, request, context),
    })
    const listening = server.listen({ ...endpoint, name: 'main' })
    await this.rest()
    await listening
    this.#brokers.set(id, { endpoint, server })
  }

  /** Its connections break and nobody listens any more; metadata goes on to name it. */
  async killBroker(id: number): Promise<void> {
    const closing = this.#brokers.get(id)!.server.close(0)
    await this.advance(1)
    await closing
  }

  createTopic(name: string, partitions = 1): FakeTopic {
    const topicId = randomUuid(this.env.entropy)
    const topic = { name, topicId, partitions: Array.from({ length: partitions }, () => new FakePartition()) }
    this.topics.set(name, topic)
    return topic
  }

  partition(topic: string, partition = 0): FakePartition {
    return this.topics.get(topic)!.partitions[partition]!
  }

  moveLeader(topic: string, partition: number, broker: number): void {
    const moved = this.partition(topic, partition)
    moved.leader = nodeId(broker)
    moved.epoch = leaderEpoch(moved.epoch + 1)
    moved.notify()
  }

  /** Replaces an earlier interceptor of the same API. */
  intercept<Name extends ApiName>(api: Name, interceptor: Interceptor<Name>): void {
    this.#interceptors.set(api, interceptor as Interceptor<ApiName>)
  }

  requests<Name extends ApiName>(api: Name): RequestOf<Name>[] {
    return this.seen
      .filter(({ request }) => request.api === api)
      .map(({ request }) => request.body as RequestOf<Name>)
  }

  /** Lets everything happen that needs no time. */
  async rest(): Promise<void> {
    // Chains of promises may be longer than what the world takes for rest.
    for (let round = 0; round < 12; round++) await this.world.settle()
  }

  async advance(ms: number): Promise<void> {
    await this.rest()
    await this.world.advance(ms)
    await this.rest()
  }

  /** Lets time pass, up to `limitMs`, until the promise is settled. */
  async until<T>(promise: Promise<T>, limitMs = 300_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => (settled = true))
    // It is awaited below; until then its rejection is nobody's concern.
    watched.catch(() => undefined)
    await this.rest()
    for (let passedMs = 0; !settled && passedMs < limitMs; passedMs += 10) await this.advance(10)
    if (!settled) throw new Error(`not settled after ${limitMs} ms of virtual time`)
    return await watched
  }

  #dispatch(brokerId: number, request: DecodedRequest, context: RequestContext): Answer | Promise<Answer> {
    this.seen.push({ brokerId, request: structuredCopy(request) })
    const intervention = this.#interceptors.get(request.api)?.(request.body, brokerId)
    if (intervention === 'ignore') return new Promise(() => undefined)
    if (intervention === 'drop') {
      context.connection.close('dropped by the test')
      return new Promise(() => undefined)
    }
    return intervention ?? answerRequest(this, brokerId, request, context)
  }
}

/** Record bytes are views of receive memory, which is reused: what tests look at later is a copy. */
function structuredCopy<T>(value: T): T {
  if (Buffer.isBuffer(value)) return Buffer.from(value) as T
  if (Array.isArray(value)) return value.map((item: unknown) => structuredCopy(item)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, structuredCopy(inner)])) as T
}
