/**
 * Where the replicas of a broker go when it leaves: each to a broker that does not have the partition yet, in a rack that
 * has none of it where there is one, and there to the broker with the fewest replicas. Pure.
 */
import type { OngoingReassignment, TopicDescription } from '@millrace/client'
import type { Reassignment } from './reassignment-file.ts'

export interface DrainInput {
  /** The broker that leaves. */
  readonly leaving: number
  /** Brokers that may take replicas; the leaving one is ignored. */
  readonly brokers: readonly { readonly nodeId: number; readonly rack: string | null }[]
  readonly topics: readonly TopicDescription[]
  readonly ongoing: readonly OngoingReassignment[]
  /** Bytes by `topic-partition`, where known: large partitions are placed first, and tip the scales between equals. */
  readonly sizes?: ReadonlyMap<string, number>
}

export type DrainPlan =
  | { readonly kind: 'moves'; readonly moves: readonly Reassignment[] }
  /** A topic has as many replicas as there would be brokers left, or more. */
  | { readonly kind: 'too-few-brokers'; readonly topic: string; readonly replicas: number }

interface Hosted {
  readonly topic: string
  readonly partition: number
  /** Where it is going already, or is. */
  readonly target: readonly number[]
  readonly bytes: number
}

interface Load {
  readonly nodeId: number
  readonly rack: string | null
  replicas: number
  /** Partitions of which it is the preferred leader. */
  preferred: number
  bytes: number
}

export function planDrain({ leaving, brokers, topics, ongoing, sizes = new Map() }: DrainInput): DrainPlan {
  const removing = new Map(ongoing.map((move) => [nameOf(move.topic, move.partition), move.removingReplicas]))
  const all: Hosted[] = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partition, replicas }) => {
      const name = nameOf(topic, partition)
      const going: readonly number[] = removing.get(name) ?? []
      const target = replicas.filter((id) => !going.includes(id))
      return { topic, partition, target, bytes: sizes.get(name) ?? 0 }
    }),
  )
  const loads = loadsOf(brokers, leaving, all)
  const racks = new Map(brokers.map(({ nodeId, rack }) => [nodeId, rack]))
  const moves: Reassignment[] = []
  for (const hosted of inOrder(all.filter(({ target }) => target.includes(leaving)))) {
    const { topic, partition, target, bytes } = hosted
    const position = target.indexOf(leaving)
    const staying = target.filter((id) => id !== leaving)
    const takenRacks = new Set(staying.map((id) => racks.get(id) ?? null))
    const chosen = lightest([...loads.values()], staying, takenRacks, position === 0)
    if (chosen === null) return { kind: 'too-few-brokers', topic, replicas: target.length }
    chosen.replicas++
    chosen.bytes += bytes
    if (position === 0) chosen.preferred++
    moves.push({ topic, partition, replicas: target.with(position, chosen.nodeId) })
  }
  return { kind: 'moves', moves: moves.toSorted(byPlace) }
}

function loadsOf(brokers: DrainInput['brokers'], leaving: number, all: readonly Hosted[]): Map<number, Load> {
  const loads = new Map<number, Load>()
  for (const { nodeId, rack } of brokers) {
    if (nodeId !== leaving) loads.set(nodeId, { nodeId, rack, replicas: 0, preferred: 0, bytes: 0 })
  }
  for (const { target, bytes } of all) {
    for (const [position, id] of target.entries()) {
      const load = loads.get(id)
      if (load === undefined) continue
      load.replicas++
      load.bytes += bytes
      if (position === 0) load.preferred++
    }
  }
  return loads
}

/** Large ones while there is still a choice; otherwise by name, so that the same cluster gets the same plan. */
function inOrder(hosted: readonly Hosted[]): Hosted[] {
  return hosted.toSorted((a, b) => b.bytes - a.bytes || byPlace(a, b))
}

function lightest(
  loads: readonly Load[],
  staying: readonly number[],
  takenRacks: ReadonlySet<string | null>,
  leads: boolean,
): Load | null {
  const candidates = loads.filter(({ nodeId }) => !staying.includes(nodeId))
  const sharesRack = ({ rack }: Load): number => (rack !== null && takenRacks.has(rack) ? 1 : 0)
  return (
    candidates.toSorted(
      (a, b) =>
        sharesRack(a) - sharesRack(b) ||
        a.replicas - b.replicas ||
        (leads ? a.preferred - b.preferred : 0) ||
        a.bytes - b.bytes ||
        a.nodeId - b.nodeId,
    )[0] ?? null
  )
}

function byPlace(a: Reassignment | Hosted, b: Reassignment | Hosted): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

export function nameOf(topic: string, partition: number): string {
  return `${topic}-${partition}`
}
