/** Partitions as commands show them: what the cluster knows of each, put together, and what is wrong with it. */
import {
  type Admin,
  isUnderReplicated,
  type OngoingReassignment,
  type PartitionDescription,
  type ReplicaDescription,
  type TopicDescription,
} from '@millrace/client'
import { paint } from '../output.ts'
import { formatCount } from '../units.ts'

export interface PartitionRow extends PartitionDescription {
  readonly topic: string
  readonly isUnderReplicated: boolean
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  /** Of the replicas of which it is known. */
  readonly lags: readonly ReplicaLag[]
}

interface ReplicaLag {
  readonly broker: number
  /** Records that the leader has and this replica lacks. */
  readonly lag: number
}

/** Lags are an extra: a broker that is down must not keep anybody from seeing what it leaves behind. */
export async function partitionRows(
  admin: Admin,
  topics: readonly TopicDescription[],
  onlyTopics: readonly string[] | null,
): Promise<PartitionRow[]> {
  const [ongoing, { replicas }] = await Promise.all([
    admin.listPartitionReassignments(),
    admin.describeReplicas(onlyTopics),
  ])
  return rowsOf(topics, ongoing, replicas)
}

export function rowsOf(
  topics: readonly TopicDescription[],
  ongoing: readonly OngoingReassignment[],
  replicas: readonly ReplicaDescription[],
): PartitionRow[] {
  const moves = new Map(ongoing.map((move) => [placeOf(move.topic, move.partition), move]))
  const lags = new Map<string, ReplicaLag[]>()
  for (const { topic, partition, broker, lag } of replicas) {
    if (lag === null) continue
    const place = placeOf(topic, partition)
    lags.set(place, [...(lags.get(place) ?? []), { broker, lag }])
  }
  return topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((partition) => {
      const place = placeOf(topic, partition.partition)
      const addingReplicas = moves.get(place)?.addingReplicas ?? []
      const removingReplicas = moves.get(place)?.removingReplicas ?? []
      return {
        topic,
        ...partition,
        isUnderReplicated: isUnderReplicated(partition, addingReplicas),
        addingReplicas,
        removingReplicas,
        lags: (lags.get(place) ?? []).toSorted((a, b) => a.broker - b.broker),
      }
    }),
  )
}

function placeOf(topic: string, partition: number): string {
  return `${topic} ${partition}`
}

/** What is wrong, or going on: `no leader, under-replicated, moving +4 −1`; empty when all is well. */
export function stateText(row: Omit<PartitionRow, 'topic'>): string {
  const { leader, replicas, addingReplicas, removingReplicas } = row
  const [preferred] = replicas.filter((id) => !addingReplicas.includes(id))
  const parts: string[] = []
  if (leader < 0) parts.push('no leader')
  if (row.isUnderReplicated) parts.push('under-replicated')
  else if (leader >= 0 && leader !== preferred && addingReplicas.length + removingReplicas.length === 0) {
    parts.push('not preferred')
  }
  const moves = [...addingReplicas.map((id) => `+${id}`), ...removingReplicas.map((id) => `\u2212${id}`)]
  if (moves.length > 0) parts.push(`moving ${moves.join(' ')}`)
  return parts.join(', ')
}

/** The same in color, where that is to be seen at a glance. */
export function statePaint(row: Omit<PartitionRow, 'topic'>): string {
  const state = stateText(row)
  if (row.leader < 0) return paint('red', state)
  return row.isUnderReplicated ? paint('yellow', state) : state
}

/** `3:1,204`: followers that lack records; `0` when none does, `?` while not known. */
export function lagText({
  leader,
  replicas,
  lags,
}: Pick<PartitionRow, 'leader' | 'replicas' | 'lags'>): string {
  if (replicas.length < 2) return ''
  const behind = lags.filter(({ broker, lag }) => broker !== leader && lag > 0)
  if (behind.length > 0) return behind.map(({ broker, lag }) => `${broker}:${formatCount(lag)}`).join(' ')
  const known = lags.filter(({ broker }) => broker !== leader).length
  return known < replicas.length - 1 ? '?' : '0'
}

/** Eligible to lead although not in sync. */
export function elrText({
  eligibleLeaderReplicas,
}: Pick<PartitionDescription, 'eligibleLeaderReplicas'>): string {
  return (eligibleLeaderReplicas ?? []).join(',')
}
