/**
 * Throttles of reassignments (KIP-73), as Kafka's tool sets them: a rate on each broker that has to do with it, and on each
 * topic who is held to it: as leaders all who have the partition, as followers those who are to get it.
 *
 * Owns: what is set and taken away again. Must not know: how moves are carried out.
 * Invariants: lists only grow while something of the topic moves; rates go when nothing in the cluster moves any more.
 */
import type { Admin, ConfigAlteration, OngoingReassignment } from '@millrace/client'
import { nameOf } from './drain-plan.ts'
import type { Reassignment } from './reassignment-file.ts'

export type ThrottleAdmin = Pick<
  Admin,
  | 'describeTopics'
  | 'listTopics'
  | 'listBrokers'
  | 'listPartitionReassignments'
  | 'describeConfigs'
  | 'alterConfigs'
>

export interface ClearedThrottles {
  /** Topics whose lists were there, and are gone. */
  readonly topics: readonly string[]
  /** Brokers whose rates were there, and are gone. */
  readonly brokers: readonly number[]
  /** Partitions of the whole cluster that move still, and keep the rates, and the lists of their topics. */
  readonly moving: number
}

const LEADER_LIST = 'leader.replication.throttled.replicas'
const FOLLOWER_LIST = 'follower.replication.throttled.replicas'
const RATES = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate']
const ALL = '*'
/** Longer values of a configuration are refused. */
const VALUE_LENGTH_MAX = 32_767

interface TopicLists {
  readonly leaders: Set<string>
  readonly followers: Set<string>
}

/**
 * Throttles what is about to move, or moves already: to be called before it begins. Called again with another rate, that holds.
 * @returns brokers that are held to the rate
 */
export async function setThrottles(
  admin: ThrottleAdmin,
  moves: readonly Reassignment[],
  bytesPerSecond: number,
): Promise<number[]> {
  const { lists, brokers } = await throttledBy(admin, moves)
  if (brokers.size === 0) return []
  const before = await topicLists(admin, [...lists.keys()])
  const rate = Object.fromEntries(RATES.map((name) => [name, String(bytesPerSecond)]))
  const ofTopics = [...lists].map(([name, { leaders, followers }]): ConfigAlteration => {
    const now = before.get(name)
    const set = {
      [LEADER_LIST]: extended(now?.get(LEADER_LIST), leaders),
      [FOLLOWER_LIST]: extended(now?.get(FOLLOWER_LIST), followers),
    }
    return { type: 'topic', name, set }
  })
  const ofBrokers = [...brokers].map((id): ConfigAlteration => ({
    type: 'broker',
    name: String(id),
    set: rate,
  }))
  await admin.alterConfigs([...ofTopics, ...ofBrokers])
  return [...brokers].toSorted((a, b) => a - b)
}

/**
 * Takes away the throttles of those of `topics` of which nothing moves, and the rates of all brokers when nothing moves at
 * all, whoever has set them.
 * @param topics null: all
 */
export async function clearThrottles(
  admin: ThrottleAdmin,
  topics: readonly string[] | null,
): Promise<ClearedThrottles> {
  const ongoing = await admin.listPartitionReassignments()
  const moving = new Set(ongoing.map(({ topic }) => topic))
  const names = topics ?? (await admin.listTopics()).map(({ name }) => name)
  const lists = await topicLists(
    admin,
    [...new Set(names)].filter((name) => !moving.has(name)),
  )
  const listed = [...lists].filter(([, entries]) => entries.size > 0)
  const ofTopics = listed.map(([name, entries]): ConfigAlteration => ({
    type: 'topic',
    name,
    remove: [...entries.keys()],
  }))
  const { rated, silent } = ongoing.length > 0 ? { rated: [], silent: [] } : await ratedBrokers(admin)
  const ofBrokers = [...rated, ...silent].map((id): ConfigAlteration => ({
    type: 'broker',
    name: String(id),
    remove: RATES,
  }))
  if (ofTopics.length + ofBrokers.length > 0) await admin.alterConfigs([...ofTopics, ...ofBrokers])
  return { topics: listed.map(([name]) => name), brokers: rated, moving: ongoing.length }
}

/** Who has something to do with it. */
async function throttledBy(
  admin: ThrottleAdmin,
  moves: readonly Reassignment[],
): Promise<{ lists: Map<string, TopicLists>; brokers: Set<number> }> {
  const names = [...new Set(moves.map(({ topic }) => topic))]
  const topics = new Map((await admin.describeTopics(names)).map((topic) => [topic.name, topic]))
  const coming = addingReplicas(await admin.listPartitionReassignments(moves))
  const lists = new Map<string, TopicLists>()
  const brokers = new Set<number>()
  for (const { topic, partition, replicas } of moves) {
    const assigned: readonly number[] = topics.get(topic)?.partitions[partition]?.replicas ?? []
    const underWay = coming.get(nameOf(topic, partition)) ?? []
    const having = assigned.filter((id) => !underWay.includes(id))
    const getting = replicas.filter((id) => !having.includes(id))
    if (getting.length === 0) continue
    const { leaders, followers } = lists.get(topic) ?? { leaders: new Set<string>(), followers: new Set() }
    lists.set(topic, { leaders, followers })
    for (const id of having) leaders.add(`${partition}:${id}`)
    for (const id of getting) followers.add(`${partition}:${id}`)
    for (const id of [...having, ...getting]) brokers.add(id)
  }
  return { lists, brokers }
}

function addingReplicas(ongoing: readonly OngoingReassignment[]): Map<string, readonly number[]> {
  return new Map(ongoing.map((move) => [nameOf(move.topic, move.partition), move.addingReplicas]))
}

/** By topic, the lists that it has itself. */
async function topicLists(
  admin: ThrottleAdmin,
  topics: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  if (topics.length === 0) return new Map()
  const resources = topics.map((name) => ({ type: 'topic' as const, name }))
  const described = await admin.describeConfigs(resources, { names: [LEADER_LIST, FOLLOWER_LIST] })
  return new Map(
    described.map(({ name, configs }) => [
      name,
      new Map(
        configs.flatMap((entry) =>
          entry.source === 'dynamic-topic' ? [[entry.name, entry.value ?? ''] as const] : [],
        ),
      ),
    ]),
  )
}

/** `silent`: nobody can say what is set for a broker that does not run. */
async function ratedBrokers(admin: ThrottleAdmin): Promise<{ rated: number[]; silent: number[] }> {
  const brokers = await admin.listBrokers()
  const ids = brokers.filter(({ isFenced }) => !isFenced).map(({ nodeId }) => nodeId)
  const resources = ids.map((id) => ({ type: 'broker' as const, name: String(id) }))
  const described = await admin.describeConfigs(resources, { names: RATES })
  const rated = described
    .filter(({ configs }) => configs.some(({ source }) => source === 'dynamic-broker'))
    .map(({ name }) => Number(name))
  const silent = brokers.filter(({ isFenced }) => isFenced).map(({ nodeId }) => nodeId)
  return { rated, silent }
}

/** With what is listed already, which may be somebody else's. */
function extended(list: string | undefined, elements: ReadonlySet<string>): string {
  if (list === ALL) return ALL
  const known = (list ?? '').split(',').filter((element) => element !== '')
  const text = [...new Set([...known, ...elements])].join(',')
  return text.length > VALUE_LENGTH_MAX ? ALL : text
}
