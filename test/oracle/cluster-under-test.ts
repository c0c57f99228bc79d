/**
 * Three brokers of one kind, led through the phases: which of them live, the scenarios that have begun, and every
 * connection that was opened for one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode } from '@millrace/protocol'
import { accepts } from '../rig/broker-process.ts'
import { RawConnection } from '../rig/raw-connection.ts'
import {
  BROKERS,
  type ClusterScenario,
  type ClusterWorld,
  createAssigned,
  FIRST_KILLED,
  knownEverywhere,
  partitionsOf,
  type Phase,
  SECOND_KILLED,
  served,
  SURVIVOR,
} from './cluster-scenario.ts'
import { plain, type World } from './scenario.ts'

/** Its processes. */
export interface ClusterProcesses extends AsyncDisposable {
  port(broker: number): number
  kill(broker: number): Promise<void>
  spawn(broker: number): Promise<void>
}

export class ClusterUnderTest implements AsyncDisposable {
  readonly #processes: ClusterProcesses
  readonly #begun = new Map<string, Promise<() => Promise<unknown>>>()
  readonly #connections = new Set<RawConnection>()
  #live: readonly number[] = BROKERS
  #killed = Promise.withResolvers<void>()
  #names = 0
  /** Of a partition that each broker would lead; what happens to it happens to all. */
  #sentinel = ''

  private constructor(processes: ClusterProcesses) {
    this.#processes = processes
  }

  /** @param processes that have been started */
  static async open(processes: ClusterProcesses): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest(processes)
    await cluster.#brokersKnown()
    const replicas = [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
    ]
    cluster.#sentinel = await createAssigned(cluster.#world(), 'sentinel', replicas)
    return cluster
  }

  /** While all brokers live, for scenarios of any phase. */
  async begin(key: string, scenario: ClusterScenario): Promise<void> {
    const begun = scenario.begin(this.#world())
    this.#begun.set(key, begun)
    await begun
  }

  async observe(key: string): Promise<unknown> {
    const run = await this.#begun.get(key)!
    return plain(await run())
  }

  async enter(phase: Phase): Promise<void> {
    switch (phase) {
      case 'all live':
        return
      case 'one dead':
        return this.#kill(FIRST_KILLED)
      case 'two dead':
        return this.#kill(SECOND_KILLED)
      case 'one back':
        return this.#start(FIRST_KILLED)
      case 'all back':
        return this.#start(SECOND_KILLED)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection[Symbol.dispose]()
    await this.#processes[Symbol.asyncDispose]()
  }

  #world(): ClusterWorld {
    const worlds = new Map<number, World>()
    const topicName = (hint: string): string => `${hint}-${++this.#names}`
    // Getters of this cluster, not of the object: scenarios read them in later phases.
    const live = (): readonly number[] => this.#live
    const killed = (): Promise<void> => this.#killed.promise
    return {
      get live() {
        return live()
      },
      get killed() {
        return killed()
      },
      topicName,
      at: async (broker) => {
        const known = worlds.get(broker)
        if (known !== undefined && !known.connection.closed) return known
        const open = (): Promise<RawConnection> => this.#open(broker)
        const world: World = { connection: await open(), open, topicName }
        worlds.set(broker, world)
        return world
      },
    }
  }

  async #open(broker: number): Promise<RawConnection> {
    const connection = await RawConnection.open(this.#processes.port(broker), 'kafka')
    this.#connections.add(connection)
    return connection
  }

  async #kill(broker: number): Promise<void> {
    await this.#processes.kill(broker)
    this.#live = this.#live.filter((id) => id !== broker)
    this.#killed.resolve()
    this.#killed = Promise.withResolvers<void>()
    await this.#brokersKnown()
    await this.#settled()
  }

  async #start(broker: number): Promise<void> {
    await this.#processes.spawn(broker)
    while (!(await accepts(this.#processes.port(broker)))) await delay(20)
    this.#live = [...this.#live, broker].toSorted((a, b) => a - b)
    await this.#brokersKnown()
    await this.#settled()
  }

  /** Every live broker knows which ones live. */
  async #brokersKnown(): Promise<void> {
    const body = { topics: [], allowAutoTopicCreation: false }
    for (const broker of this.#live) {
      const { connection } = await this.#world().at(broker)
      for (;;) {
        const { brokers } = await connection.request('Metadata', 9, body as never)
        const known = brokers.map(({ nodeId }) => nodeId).toSorted((a, b) => a - b)
        if (known.join() === this.#live.join()) break
        await delay(20)
      }
    }
  }

  /** The live brokers, and they alone, are in sync; who should lead does. */
  async #settled(): Promise<void> {
    await knownEverywhere(this.#world(), this.#sentinel, (partitions) =>
      partitions.every(({ isrNodes }) => isrNodes.toSorted((a, b) => a - b).join() === this.#live.join()),
    )
    const { connection } = await this.#world().at(SURVIVOR)
    for (const { errorCode, leaderId, partitionIndex } of await partitionsOf(connection, this.#sentinel)) {
      if (errorCode !== ErrorCode.NONE) throw new Error(`partition ${partitionIndex} has no leader`)
      await served(await this.#world().at(leaderId), this.#sentinel, [partitionIndex])
    }
  }
}
