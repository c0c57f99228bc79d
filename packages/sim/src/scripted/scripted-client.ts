/** A client for scenarios that are written by hand: what it asks for is done when the call returns. */
import { assert } from '@millrace/base'
import { MillraceError } from '@millrace/client'
import type { ConfigAlteration } from '@millrace/client'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import { History } from '../workload/history.ts'
import { SimClient, type SimClientOptions } from '../workload/sim-client.ts'

const CALL_MS = 60_000

export class ScriptedClient {
  readonly #cluster: SimCluster
  readonly #client: SimClient

  /** @param name of its machine */
  constructor(cluster: SimCluster, name = 'client', options: Pick<SimClientOptions, 'batchBytesMax'> = {}) {
    const { world, checks, bootstrap } = cluster
    this.#cluster = cluster
    this.#client = new SimClient({
      ...options,
      machine: world.addNode(name),
      bootstrap,
      history: new History({
        facts: checks.facts,
        nowMs: () => world.nowMs,
        violate: (invariant, details) => checks.violate(invariant, details),
        isKept: () => true,
      }),
    })
    this.#client.start()
    world.runFor(1)
  }

  /** @throws MillraceError */
  createTopic(
    name: string,
    partitions = 1,
    replicationFactor = 1,
    configs: Readonly<Record<string, string>> = {},
  ): void {
    this.#perform(({ admin }) => admin.createTopics([{ name, partitions, replicationFactor, configs }]))
  }

  /** Whatever comes of it. */
  createTopicSoon(name: string): void {
    const { machine } = this.#client
    machine.run(() => {
      const created = this.#client.admin.createTopics([{ name, partitions: 1, replicationFactor: 1 }])
      void created.catch((error: unknown) => {
        if (!(error instanceof MillraceError)) throw error
      })
    })
  }

  /** @returns offsets. @throws MillraceError */
  produce(topic: string, values: readonly string[]): readonly number[] {
    return this.produceSoon(topic, values)()
  }

  /** The same, begun. @returns waits for the answers */
  produceSoon(topic: string, values: readonly string[]): () => readonly number[] {
    return this.#begin(async ({ producer }) => {
      const sent = await Promise.all(values.map((value) => producer.send(topic, { value, partition: 0 })))
      return sent.map(({ offset }) => offset)
    })
  }

  /** Begun. @returns waits until the controller has begun it, and the brokers know */
  reassignSoon(topic: string, replicas: readonly number[]): () => void {
    return this.#begin(({ admin }) => admin.alterPartitionReassignments([{ topic, partition: 0, replicas }]))
  }

  /** @throws MillraceError */
  alterConfigs(alterations: readonly ConfigAlteration[]): void {
    this.#perform(({ admin }) => admin.alterConfigs(alterations))
  }

  /** @returns values by offset */
  read(topic: string): ReadonlyMap<number, string> {
    const read = this.#perform((client) => client.readAll([{ topic, partition: 0 }]))
    return new Map([...read].map(([key, value]) => [Number(key.slice(key.indexOf('@') + 1)), value]))
  }

  /** Reads on and on. @returns the values so far, in the order in which they came */
  follow(topic: string): readonly string[] {
    const values: string[] = []
    this.#begin((client) => client.follow({ topic, partition: 0 }, (value) => values.push(value)))
    return values
  }

  deleteBefore(topic: string, before: number): void {
    this.#perform(({ admin }) => admin.deleteRecords([{ topic, partition: 0, before }]))
  }

  beginning(topic: string): number {
    return this.#perform(async ({ admin }) => {
      const [found] = await admin.listOffsets([{ topic, partition: 0, at: 'beginning' }])
      return Number(found!.offset)
    })
  }

  end(topic: string): number {
    return this.#perform(async ({ admin }) => {
      const [found] = await admin.listOffsets([{ topic, partition: 0, at: 'end' }])
      return Number(found!.offset)
    })
  }

  #perform<T>(task: (client: SimClient) => Promise<T>): T {
    return this.#begin(task)()
  }

  #begin<T>(task: (client: SimClient) => Promise<T>): () => T {
    const wait = this.#cluster.world.begin(this.#client.machine, () => task(this.#client))
    return () => wait(CALL_MS)
  }
}

/** While faults are at work, a client may be told that it did not work, or not be told what came of it. */
export function attempt<T>(call: () => T): T | null {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return null
  }
}

/** @throws AssertionError when a record that was acknowledged is not read where it was said to be, or any record twice */
export function requireRead(client: ScriptedClient, kept: ReadonlyMap<number, string>): void {
  const read = client.read('data')
  const offsets = new Map<string, number>()
  for (const [offset, value] of read) {
    const other = offsets.get(value)
    assert(other === undefined, `${value.slice(0, 12)} is read at ${other} and at ${offset}`)
    offsets.set(value, offset)
  }
  for (const [offset, value] of kept) {
    const found = read.get(offset)?.slice(0, 12) ?? 'nothing'
    assert(
      read.get(offset) === value,
      `offset ${offset} was acknowledged as ${value.slice(0, 12)}, read is ${found}`,
    )
  }
}
