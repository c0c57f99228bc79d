/**
 * A process with the real clients in it, on a machine of its own. It lives as long as the run; each operation is an event
 * of its own, so that operations of one client overlap.
 */
import { Admin, type ClientOptions, MillraceError } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import { Producer, type ProducerOptions } from '@millrace/producer-client'
import type { Env } from '@millrace/base'
import type { SimNode } from '../world/sim-node.ts'
import type { History, Stored } from './history.ts'
import { ALTERED_KEY, leastInSync, type Operation, type Outcome } from './operation.ts'

export interface SimClientOptions {
  readonly machine: SimNode
  readonly bootstrap: string
  readonly history: History
  /** Of the producer's batches; undefined: its default. With a small one several of a partition are in flight. */
  readonly batchBytesMax?: number | undefined
}

const API_TIMEOUT_MS = 30_000
const REQUEST_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5000
const VOTER_TIMEOUT_MS = 20_000

interface Clients {
  readonly env: Env
  readonly admin: Admin
  readonly producer: Producer
  readonly consumer: Consumer
}

export class SimClient {
  readonly machine: SimNode
  readonly #options: SimClientOptions
  #clients: Clients | null = null

  constructor(options: SimClientOptions) {
    this.machine = options.machine
    this.#options = options
  }

  start(): void {
    this.machine.start((env) => {
      const options = this.#clientOptions(env)
      this.#clients = {
        env,
        admin: new Admin(options),
        producer: new Producer({
          ...options,
          deliveryTimeoutMs: API_TIMEOUT_MS,
          maxBlockMs: API_TIMEOUT_MS,
          ...batchLimits(this.#options.batchBytesMax),
        }),
        consumer: new Consumer({ ...options, offsetReset: 'earliest' }),
      }
    })
  }

  /** Has no effect before the process runs. */
  perform(operation: Operation): void {
    const { history } = this.#options
    history.invoke(operation)
    this.machine.run(() => {
      this.#act(operation).then(
        (topicId) => history.resolve(operation, 'ok', topicId),
        (error: unknown) => history.resolve(operation, outcomeOf(error), null),
      )
    })
  }

  /** All records of these partitions, by `topic-partition@offset`. */
  async readAll(partitions: readonly Omit<Stored, 'offset' | 'value'>[]): Promise<Map<string, string>> {
    const read = new Map<string, string>()
    const assignments = partitions.map((partition) => ({
      ...partition,
      from: 'beginning' as const,
      until: 'end' as const,
    }))
    if (assignments.length === 0) return read
    for await (const { topic, partition, offset, value } of this.#live.consumer.assign(assignments)) {
      read.set(`${topic}-${partition}@${offset}`, value?.toString('utf8') ?? '')
    }
    return read
  }

  /** From the beginning on, for ever: each as it comes. */
  async follow(partition: Omit<Stored, 'offset' | 'value'>, onValue: (value: string) => void): Promise<void> {
    for await (const { value } of this.#live.consumer.assign([{ ...partition, from: 'beginning' }])) {
      onValue(value?.toString('utf8') ?? '')
    }
  }

  get admin(): Admin {
    return this.#live.admin
  }

  get producer(): Producer {
    return this.#live.producer
  }

  get #live(): Clients {
    if (this.#clients === null) throw new Error(`${this.machine.name} does not run`)
    return this.#clients
  }

  /** @returns the id of a topic that was created */
  async #act(operation: Operation): Promise<string | null> {
    const { admin } = this.#live
    switch (operation.kind) {
      case 'create': {
        const { topic: name, partitions, replicas: replicationFactor = 1 } = operation
        const configs = { 'min.insync.replicas': String(leastInSync(replicationFactor)) }
        const [created] = await admin.createTopics([{ name, partitions, replicationFactor, configs }])
        return created!.topicId
      }
      case 'delete':
        await admin.deleteTopics([operation.topic])
        return null
      case 'grow':
        await admin.createPartitions([{ name: operation.topic, totalPartitions: operation.partitions }])
        return null
      case 'alter': {
        const set = { [ALTERED_KEY]: operation.value }
        await admin.alterConfigs([{ type: 'topic', name: operation.topic, set }])
        return null
      }
      case 'list':
        await admin.listTopics()
        return null
      case 'reassign':
        await this.#reassign(operation)
        return null
      case 'produce':
        await this.#produce(operation)
        return null
      case 'read':
        await this.#read(operation.topic)
        return null
      default:
        await this.#changeVoter(operation)
        return null
    }
  }

  async #produce({ topic, partition, values }: Extract<Operation, { kind: 'produce' }>): Promise<void> {
    const { history } = this.#options
    await Promise.all(
      values.map(async (value) => {
        const { offset } = await this.#live.producer.send(topic, { value, partition })
        history.acknowledge({ topic, partition, offset, value })
      }),
    )
  }

  /** Ends: what was the end may be gone, where nothing was promised to stay. */
  async #read(topic: string): Promise<void> {
    const { history } = this.#options
    const { consumer, env } = this.#live
    const abort = new AbortController()
    env.timers.after(API_TIMEOUT_MS, () => {
      abort.abort(new MillraceError('TIMEOUT', 'the end was not reached', true))
    })
    const { signal } = abort
    const reader = consumer.read(topic, { from: 'beginning', until: 'end', signal })
    for await (const { partition, offset, value } of reader) {
      history.see({ topic, partition, offset, value: value?.toString('utf8') ?? '' }, 'read')
    }
  }

  async #reassign(operation: Extract<Operation, { kind: 'reassign' }>): Promise<void> {
    const { admin, env } = this.#live
    const { topic, partition, replicas, backMs } = operation
    const [found] = await admin.describeTopics([topic])
    const before = found?.partitions[partition]?.replicas
    await admin.alterPartitionReassignments([{ topic, partition, replicas }])
    if (backMs === null || before?.length !== replicas.length) return
    await new Promise<void>((resolve) => void env.timers.after(backMs, resolve))
    await admin.alterPartitionReassignments([{ topic, partition, replicas: before }])
  }

  async #changeVoter({ kind, node }: Operation & { readonly node: number }): Promise<void> {
    const { admin } = this.#live
    const { voters, observers } = await admin.describeQuorum()
    const known = (kind === 'add-voter' ? observers : voters).find(({ id }) => id === node)
    if (known === undefined) throw new MillraceError('SIMULATED', `${node} can't be changed now`)
    if (kind === 'add-voter') await admin.addVoter(known, { timeoutMs: VOTER_TIMEOUT_MS })
    else await admin.removeVoter(known, { timeoutMs: VOTER_TIMEOUT_MS })
  }

  #clientOptions(env: Env): ClientOptions {
    return {
      bootstrap: this.#options.bootstrap,
      clientId: this.machine.name,
      env,
      apiTimeoutMs: API_TIMEOUT_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    }
  }
}

function batchLimits(
  batchBytesMax: number | undefined,
): Pick<ProducerOptions, 'batchBytes' | 'batchBytesMax'> {
  return batchBytesMax === undefined ? {} : { batchBytes: batchBytesMax, batchBytesMax }
}

/** What a client can't know for sure is `info`; anything that is not one of its errors is a defect. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof MillraceError)) throw error
  return error.retriable || error.code === 'TIMEOUT' || error.code === 'CONNECTION' ? 'info' : 'fail'
}
