/**
 * What must hold of replicated partitions after each decision, whatever it was. Beside the metadata this knows what no
 * controller does: which replicas really have every acknowledged record. A record is acknowledged only while enough
 * replicas are in sync, and then only those surely have it.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { isAvailable, type MetadataImage, type PartitionImage } from '@millrace/metadata'
import { expect } from 'vitest'

/** What the step that was just taken may do. */
export interface Licence {
  /** May join the ISR: whom a leader proposed. */
  readonly joiners?: readonly NodeId[]
  /** Replicas may be given up: a reassignment, an operator's election, a changed minimum, a replica that lost its log. */
  readonly givesUpReplicas?: boolean
}

export interface Observed {
  readonly key: string
  readonly before: PartitionImage | undefined
  readonly after: PartitionImage
}

export class ReplicasOracle {
  /** By partition: who has every acknowledged record. */
  readonly #complete = new Map<string, ReadonlySet<NodeId>>()
  /** By partition: leaders that have refused since anybody else led. */
  readonly #refusers = new Map<string, Set<NodeId>>()

  /** A record is acknowledged, if that is possible. */
  acknowledge(key: string, { leader, isr, replicas }: PartitionImage, minInsyncReplicas: number): void {
    if (leader === NO_NODE || isr.length < Math.min(minInsyncReplicas, replicas.length)) return
    this.#complete.set(key, new Set(isr))
  }

  /** The broker lost what it had of the partition. */
  lose(key: string, broker: NodeId): void {
    const complete = new Set(this.#complete.get(key))
    complete.delete(broker)
    this.#complete.set(key, complete)
  }

  refuse(key: string, broker: NodeId): void {
    const refusers = this.#refusers.get(key)
    if (refusers === undefined) this.#refusers.set(key, new Set([broker]))
    else refusers.add(broker)
  }

  check(
    observed: Observed,
    image: MetadataImage,
    minimum: number,
    isUnclean: boolean,
    licence: Licence,
  ): void {
    checkPartition(observed.after, image, minimum)
    this.#checkWaiting(observed, image)
    if (observed.before === undefined) return this.#reset(observed)
    checkEpochs(observed.before, observed.after)
    checkMembers(observed.before, observed.after, minimum, isUnclean, licence)
    this.#checkElection(observed, image, isUnclean, licence)
  }

  #reset({ key, after }: Observed): void {
    this.#complete.set(key, new Set(after.replicas))
  }

  #checkWaiting({ key, after }: Observed, { brokers }: MetadataImage): void {
    if (after.leader !== NO_NODE) return void this.#refusers.delete(key)
    const able = [...after.isr, ...after.eligibleLeaderReplicas].filter((id) => {
      const broker = brokers.get(id)
      return broker !== undefined && isAvailable(broker) && this.#refusers.get(key)?.has(id) !== true
    })
    expect(able, 'nobody waits for a leader while somebody could be elected').toEqual([])
  }

  #checkElection(
    { key, before, after }: Observed,
    image: MetadataImage,
    isUnclean: boolean,
    licence: Licence,
  ) {
    const complete = this.#complete.get(key)!
    const added = after.replicas.filter((id) => !before!.replicas.includes(id))
    // What a removed replica had is gone, and comes back by catching up.
    const kept = [...complete].filter((id) => after.replicas.includes(id) && !added.includes(id))
    const joined = after.isr.filter((id) => licence.joiners?.includes(id))
    this.#complete.set(key, new Set([...kept, ...joined]))
    if (after.leader === NO_NODE || after.leaderEpoch === before!.leaderEpoch) return
    expect(isAvailable(image.brokers.get(after.leader)!) || after.leader === before!.leader).toBe(true)
    if (isUnclean) return this.#reset({ key, before, after })
    const candidates = [...before!.isr, ...before!.eligibleLeaderReplicas, ...joined]
    expect(candidates, 'without leave nobody is elected who was neither in sync nor eligible').toContain(
      after.leader,
    )
    if (this.#complete.get(key)!.has(after.leader)) return
    const better = candidates.filter((id) => this.#complete.get(key)!.has(id))
    expect(better, `${after.leader} leads ${key}, and lacks what others have`).toEqual([])
    // Everybody who could be known to have it has lost it.
    this.#reset({ key, before, after })
  }
}

function checkPartition(partition: PartitionImage, { brokers }: MetadataImage, minimum: number): void {
  const { replicas, isr, eligibleLeaderReplicas: elr, lastKnownElr, leader } = partition
  const { addingReplicas, removingReplicas, directories } = partition
  for (const list of [isr, elr, lastKnownElr, addingReplicas, removingReplicas]) {
    expect(new Set(list).size, 'named once').toBe(list.length)
    for (const id of list) expect(replicas, 'a replica of the partition').toContain(id)
  }
  expect(directories.length).toBe(replicas.length)
  const outside = [...elr, ...lastKnownElr]
  for (const id of outside) expect(isr, 'eligible replicas are not in sync').not.toContain(id)
  expect(new Set(outside).size).toBe(outside.length)
  if (isr.length === 0) expect(elr.length, 'somebody has every acknowledged record').toBeGreaterThan(0)
  if (isr.length >= Math.min(minimum, replicas.length)) {
    expect(outside, 'with enough in sync nobody else is known to have everything').toEqual([])
  }
  if (leader === NO_NODE) return
  expect(isr, 'a leader is in sync').toContain(leader)
  expect(brokers.get(leader)?.fenced, 'a leader is registered and not fenced').toBe(false)
}

function checkEpochs(before: PartitionImage, after: PartitionImage): void {
  if (before === after) return
  expect(after.partitionEpoch).toBeGreaterThan(before.partitionEpoch)
  expect(after.leaderEpoch).toBeGreaterThanOrEqual(before.leaderEpoch)
  const isTakenAway = before.replicas.some((id) => !after.replicas.includes(id))
  if (after.leader !== before.leader || isTakenAway) {
    expect(after.leaderEpoch, 'a new epoch').toBeGreaterThan(before.leaderEpoch)
  }
}

function checkMembers(
  before: PartitionImage,
  after: PartitionImage,
  minimum: number,
  isUnclean: boolean,
  { joiners = [], givesUpReplicas = false }: Licence,
): void {
  const known = [...before.isr, ...before.eligibleLeaderReplicas]
  const isElected = (id: NodeId): boolean => id === after.leader && isUnclean
  for (const id of after.isr.filter((id) => !known.includes(id) && !isElected(id))) {
    expect(joiners, 'nobody joins an ISR unless its leader says so').toContain(id)
  }
  for (const id of after.eligibleLeaderReplicas) {
    expect(known, 'eligible is who was in sync').toContain(id)
  }
  const isAdded = (id: NodeId): boolean => !before.replicas.includes(id) || before.addingReplicas.includes(id)
  for (const id of after.replicas.filter((id) => isAdded(id) && !after.addingReplicas.includes(id))) {
    // An unclean election in the same decision leaves one in sync.
    const inSync = isUnclean ? [...after.isr, ...before.isr] : after.isr
    expect(inSync, 'a reassignment is done when what it adds is in sync').toContain(id)
  }
  if (isUnclean || givesUpReplicas) return
  const needed = Math.min(minimum, after.replicas.length, known.length)
  const left = after.isr.length + after.eligibleLeaderReplicas.length
  expect(left, 'as many as are needed have everything').toBeGreaterThanOrEqual(needed)
}
