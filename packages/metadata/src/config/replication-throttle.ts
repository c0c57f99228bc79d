/**
 * The keys by which replication is throttled (KIP-73): a rate for each side of a broker, and for each topic the replicas that
 * keep to it.
 *
 * Owns: their form and defaults. Must not know: how bytes are counted.
 */
import type { NodeId } from '@millrace/base'
import { type ConfigKey, type ConfigKeys, listKey, longKey, NO_LIMIT } from './config-key.ts'
import { ConfigTable } from './config-table.ts'

const RATE = {
  default: NO_LIMIT,
  min: 0,
  update: 'dynamic',
  unit: 'bytes',
} as const

/** Of a broker, per second. */
export const replicationThrottleKeys = {
  'leader.replication.throttled.rate': longKey({
    ...RATE,
    text: 'Bytes a second that this broker sends as leader to replicas that are not in sync, where `leader.replication.throttled.replicas` of the topic names them; all its shards together. What goes to replicas in sync of these partitions counts, but never waits: a rate below what is produced to them stops the others. 0: nothing goes. Without a rate, and for replicas that are not named, there is only the rule that always holds: who catches up has a quarter of each answer, and producers never wait for it.',
  }),
  'follower.replication.throttled.rate': longKey({
    ...RATE,
    text: 'Bytes a second that this broker fetches as follower that is not in sync, where `follower.replication.throttled.replicas` of the topic names it; all its shards together. What is fetched in sync of these partitions counts, but never waits. 0: nothing is fetched.',
  }),
} as const satisfies ConfigKeys

export const replicationThrottleTable = new ConfigTable(replicationThrottleKeys)

type ThrottledReplicasKeyName =
  | 'leader.replication.throttled.replicas'
  | 'follower.replication.throttled.replicas'

const ANY = '*'

/** @param side who of the pair a listed broker is: the one that leads the partition, or one that follows */
export function throttledReplicasKey(
  side: 'leader' | 'follower',
  text: string,
): ConfigKey<readonly string[]> {
  const name: ThrottledReplicasKeyName = `${side}.replication.throttled.replicas`
  return listKey({
    default: [],
    text,
    form: {
      matches: isThrottledReplicas,
      reason: `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`,
      text: '`*` or `PARTITION:BROKER,…`',
    },
  })
}

/** Partitions of one topic whose replica on one broker is throttled. */
export type ThrottledPartitions = 'all' | ReadonlySet<number>

const NO_PARTITIONS: ReadonlySet<number> = new Set()

/** @param elements of a valid `…replication.throttled.replicas` */
export function throttledPartitions(elements: readonly string[], brokerId: NodeId): ThrottledPartitions {
  if (elements.length === 0) return NO_PARTITIONS
  if (elements[0] === ANY) return 'all'
  const partitions = new Set<number>()
  for (const element of elements) {
    const [partition, broker] = element.split(':').map(Number)
    if (broker === brokerId) partitions.add(partition!)
  }
  return partitions
}

export function isThrottled(partitions: ThrottledPartitions, partition: number): boolean {
  return partitions === 'all' || partitions.has(partition)
}

/** An empty element is what is left when somebody takes the last one away by text. */
function isThrottledReplicas(elements: readonly string[]): boolean {
  if (elements.length === 1 && elements[0] === ANY) return true
  return elements.every((element) => element === '' || /^\d+:\d+$/.test(element))
}
