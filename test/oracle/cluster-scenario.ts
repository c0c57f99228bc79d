/**
 * A piece of behaviour of three brokers, 1 to 3, of which some end. What a scenario needs is prepared while all of them
 * live; what it observes, it observes in the phase that it is listed for.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode, type ResponseOf } from '@millrace/protocol'
import { errorName, type Scenario, type World } from './scenario.ts'

export const BROKERS = [1, 2, 3] as const
/** Killed in the second phase. */
export const FIRST_KILLED = 3
/** Killed in the third. */
export const SECOND_KILLED = 2
/** Lives through all of them, and decides where only one does. */
export const SURVIVOR = 1

/** In this order; a broker that is back has caught up with the metadata, and is in sync where it can be. */
export const PHASES = ['all live', 'one dead', 'two dead', 'one back', 'all back'] as const
export type Phase = (typeof PHASES)[number]

export type ClusterScenarios = Readonly<Partial<Record<Phase, readonly ClusterScenario[]>>>

export interface ClusterWorld {
  /** One broker, on a connection of this scenario's own. */
  at(broker: number): Promise<World>
  /** A name nobody else uses. */
  topicName(hint: string): string
  /** Brokers that have not been killed. */
  readonly live: readonly number[]
  /** Resolves when the next broker is gone, before anybody has noticed. */
  readonly killed: Promise<void>
}

export interface ClusterScenario {
  readonly name: string
  /** Resolves, while all brokers live, with what is to be done in the scenario's phase. */
  begin(world: ClusterWorld): Promise<() => Promise<unknown>>
}

export function clusterScenario(
  name: string,
  run: (world: ClusterWorld) => Promise<unknown>,
): ClusterScenario {
  return { name, begin: async (world) => () => run(world) }
}

export function prepared<T>(
  name: string,
  prepare: (world: ClusterWorld) => Promise<T>,
  run: (world: ClusterWorld, state: T) => Promise<unknown>,
): ClusterScenario {
  return {
    name,
    begin: async (world) => {
      const state = await prepare(world)
      return () => run(world, state)
    },
  }
}

/** One broker is enough. */
export function atSurvivor(name: string, run: Scenario['run']): ClusterScenario {
  return clusterScenario(name, async (world) => run(await world.at(SURVIVOR)))
}

/** Between two looks: a hundred scenarios that wait must not keep the brokers from what they wait for. */
const LOOK_INTERVAL_MS = 20

type Replicas = readonly (readonly number[])[]
type MetadataPartition = ResponseOf<'Metadata'>['topics'][number]['partitions'][number]

/** Creates a topic with these replicas, the leader first; all live brokers know it then, and all are in sync. */
export async function createAssigned(
  world: ClusterWorld,
  hint: string,
  replicas: Replicas,
  configs: Readonly<Record<string, string | number>> = { 'min.insync.replicas': 1 },
): Promise<string> {
  const name = world.topicName(hint)
  const { connection } = await world.at(SURVIVOR)
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }))
  // Records are of a fixed time, long past: they stay.
  const entries = Object.entries({ 'retention.ms': -1, ...configs }).map(([key, value]) => ({
    name: key,
    value: String(value),
  }))
  const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: entries }
  const body = { topics: [topic], timeoutMs: 10_000, validateOnly: false }
  let mayExist = false
  for (;;) {
    const response = await connection.request('CreateTopics', 7, body as never)
    const { errorCode, errorMessage } = response.topics[0]!
    const isThere = errorCode === ErrorCode.NONE || (mayExist && errorCode === ErrorCode.TOPIC_ALREADY_EXISTS)
    if (isThere) break
    // On a busy machine.
    if (errorCode !== ErrorCode.REQUEST_TIMED_OUT)
      throw new Error(`topic ${name}: ${errorName(errorCode)} ${errorMessage}`)
    mayExist = true
  }
  await knownEverywhere(world, name, (partitions) => partitions.length === replicas.length)
  const leaders = new Map<number, number[]>()
  replicas.forEach(([leader], index) => leaders.set(leader!, [...(leaders.get(leader!) ?? []), index]))
  for (const [leader, indexes] of leaders) await served(await world.at(leader), name, indexes)
  return name
}

/** Waits until the leader of these partitions serves them. */
export async function served(leader: World, topic: string, indexes: readonly number[]): Promise<void> {
  const partitions = indexes.map((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] }
  for (;;) {
    const response = await leader.connection.request('ListOffsets', 5, body as never)
    if (response.topics[0]!.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE)) return
    await delay(LOOK_INTERVAL_MS)
  }
}

/** Waits until what every live broker says about a topic satisfies the condition. */
export async function knownEverywhere(
  world: ClusterWorld,
  topic: string,
  condition: (partitions: readonly MetadataPartition[]) => boolean,
): Promise<void> {
  for (const broker of world.live) {
    const { connection } = await world.at(broker)
    for (;;) {
      const partitions = await partitionsOf(connection, topic)
      if (partitions.length > 0 && condition(partitions)) break
      await delay(LOOK_INTERVAL_MS)
    }
  }
}

export async function partitionsOf(
  connection: World['connection'],
  topic: string,
): Promise<readonly MetadataPartition[]> {
  const body = { topics: [{ name: topic }], allowAutoTopicCreation: false }
  const response = await connection.request('Metadata', 9, body as never)
  return response.topics[0]!.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
}

/** Asks several brokers the same. */
export async function each(
  world: ClusterWorld,
  brokers: readonly number[],
  ask: (at: World, broker: number) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  for (const broker of brokers) answers[`broker ${broker}`] = await ask(await world.at(broker), broker)
  return answers
}

/** Asks all live brokers the same. @returns the one answer of all of them, else the answers of each */
export async function agreed(world: ClusterWorld, ask: (at: World) => Promise<unknown>): Promise<unknown> {
  const answers = await each(world, world.live, ask)
  const [first, ...others] = Object.values(answers).map((answer) => JSON.stringify(answer))
  return others.every((other) => other === first) ? { all: Object.values(answers)[0] } : answers
}

export const sorted = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b)
