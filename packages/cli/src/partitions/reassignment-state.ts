/** How far reassignments are that somebody has begun, and what is left of their throttles. */
import type { Admin } from '@millrace/client'
import { idList, plural } from '../units.ts'
import { nameOf } from './drain-plan.ts'
import type { ClearedThrottles } from './reassignment-throttle.ts'
import type { Place } from './selection.ts'

/** What is asked about: with the brokers that are to have it, where that was said. */
export interface VerifiedPlace extends Place {
  readonly replicas?: readonly number[]
}

export interface PlaceState extends Place {
  /** `elsewhere`: nothing moves, and it is not where it was said to go: somebody cancelled or replaced the reassignment. */
  readonly state: 'moving' | 'done' | 'elsewhere'
  /** Where it is, and where it goes. */
  readonly replicas: readonly number[]
}

export async function reassignmentStates(
  admin: Pick<Admin, 'describeTopics' | 'listPartitionReassignments'>,
  places: readonly VerifiedPlace[],
): Promise<PlaceState[]> {
  if (places.length === 0) return []
  const names = [...new Set(places.map(({ topic }) => topic))]
  const [topics, ongoing] = await Promise.all([
    admin.describeTopics(names),
    admin.listPartitionReassignments(places),
  ])
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions]))
  const moving = new Set(ongoing.map(({ topic, partition }) => nameOf(topic, partition)))
  return places.map(({ topic, partition, replicas: wanted }) => {
    const replicas: readonly number[] = partitions.get(topic)?.[partition]?.replicas ?? []
    const isThere = wanted === undefined || hasSame(replicas, wanted)
    const state = moving.has(nameOf(topic, partition)) ? 'moving' : isThere ? 'done' : 'elsewhere'
    return { topic, partition, state, replicas }
  })
}

function hasSame(replicas: readonly number[], wanted: readonly number[]): boolean {
  return replicas.length === wanted.length && wanted.every((id) => replicas.includes(id))
}

const STATE_TEXT = {
  moving: 'moves still, and is on',
  done: 'is on',
  elsewhere: 'ended elsewhere, on',
} as const

export function statesText(states: readonly PlaceState[]): string {
  if (states.length === 0) return 'no partition is moving'
  return states
    .map(
      ({ topic, partition, state, replicas }) =>
        `${nameOf(topic, partition)} ${STATE_TEXT[state]} ${replicas.join(', ')}`,
    )
    .join('\n')
}

/** @returns what became of throttles, as a sentence; null where there was nothing, and nothing is left */
export function throttlesText({ topics, brokers, moving }: ClearedThrottles): string | null {
  const gone = [
    ...(topics.length === 0 ? [] : [`of ${plural(topics.length, 'topic')}`]),
    ...(brokers.length === 0 ? [] : [`of ${brokers.length === 1 ? 'broker' : 'brokers'} ${idList(brokers)}`]),
  ]
  const removed = gone.length === 0 ? [] : [`throttles ${gone.join(' and ')} removed`]
  const left =
    moving === 0
      ? []
      : [
          `${plural(moving, 'partition')} of the cluster still ${moving === 1 ? 'moves' : 'move'}: throttles of ${moving === 1 ? 'it' : 'them'}, and rates of brokers, stay until a later --verify`,
        ]
  const sentences = [...removed, ...left]
  return sentences.length === 0 ? null : sentences.join('; ')
}
