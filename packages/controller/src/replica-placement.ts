/**
 * Which brokers get the replicas of new partitions. Leaders go round the circle of brokers; the followers of one broker's
 * partitions are spread over all others, and those of one partition evenly over the racks (KIP-36).
 */
import { assert, type NodeId } from '@millrace/base'
import { type BrokerImage, type BrokersImage, isAvailable } from '@millrace/metadata'

export interface Placement {
  readonly partitions: number
  /** At most the number of brokers, available or not. */
  readonly replicationFactor: number
  /** Where in the circle of brokers the first leader is. */
  readonly start: number
}

/** Brokers that may get replicas: registered, not fenced, not shutting down. */
export function availableBrokers(brokers: BrokersImage): BrokerImage[] {
  return [...brokers.values()].filter(isAvailable)
}

/** Brokers that may get replicas only where there are not enough others: they come back, or so it is to be hoped. */
export function unavailableBrokers(brokers: BrokersImage): BrokerImage[] {
  return [...brokers.values()].filter((broker) => !isAvailable(broker))
}

/**
 * @param available at least one
 * @param unavailable get the last replicas, when the available ones do not suffice
 * @returns for each new partition its replicas, on distinct brokers, the preferred leader first
 */
export function placeReplicas(
  available: readonly BrokerImage[],
  unavailable: readonly BrokerImage[],
  placement: Placement,
): NodeId[][] {
  const { partitions, replicationFactor, start } = placement
  assert(replicationFactor <= available.length + unavailable.length, 'replicas need a broker each')
  const circle = inRackAlternation(available)
  const reserve = inRackAlternation(unavailable)
  const lacking = Math.max(0, replicationFactor - available.length)
  return Array.from({ length: partitions }, (_, index) => {
    const replicas = replicasOf(circle, start + index, replicationFactor - lacking)
    for (let step = 0; step < lacking; step++) {
      replicas.push(reserve[(start + index + step) % reserve.length]!.id)
    }
    return replicas
  })
}

/**
 * @param turn place of the partition in the round: gives the leader, and, once round the circle, shifts the followers
 */
function replicasOf(circle: readonly BrokerImage[], turn: number, replicationFactor: number): NodeId[] {
  const leaderIndex = turn % circle.length
  const others = circle.length - 1
  const shift = Math.floor(turn / circle.length)
  const chosen = [circle[leaderIndex]!]
  const candidates = Array.from(
    { length: others },
    (_, step) => circle[(leaderIndex + 1 + ((shift + step) % others)) % circle.length]!,
  )
  // One of each rack, then a second of each, and so on.
  for (let perRack = 1; chosen.length < replicationFactor; perRack++) {
    for (const candidate of candidates) {
      if (chosen.length === replicationFactor) break
      if (!chosen.includes(candidate) && inRack(chosen, candidate.rack) < perRack) chosen.push(candidate)
    }
  }
  return chosen.map(({ id }) => id)
}

/** How many of the brokers are in the rack; a broker without one shares it with nobody. */
function inRack(brokers: readonly BrokerImage[], rack: string | null): number {
  return rack === null ? 0 : brokers.filter((broker) => broker.rack === rack).length
}

/** Neighbours in different racks as far as possible: first of each rack, second of each rack, and so on. */
function inRackAlternation(brokers: readonly BrokerImage[]): BrokerImage[] {
  const byRack = new Map<string | null, BrokerImage[]>()
  for (const broker of brokers.toSorted((a, b) => a.id - b.id)) {
    const rack = byRack.get(broker.rack)
    if (rack === undefined) byRack.set(broker.rack, [broker])
    else rack.push(broker)
  }
  const racks = [...byRack.values()]
  const depth = Math.max(0, ...racks.map((rack) => rack.length))
  return Array.from({ length: depth }, (_, level) => racks.flatMap((rack) => rack[level] ?? [])).flat()
}
