/**
 * From what a decision wants of a partition to the record that says it: every change of a partition that exists is made
 * here, so that elections, eligible replicas and epochs follow the same rules whatever happened.
 *
 * Must not know: why anything is wanted, which brokers are registered.
 *
 * Invariants of what comes out, given such a partition:
 * - a leader is in the ISR; the ISR is empty only where replicas are eligible;
 * - eligible replicas were in sync when the ISR became smaller than `min.insync.replicas`; since then the high watermark
 *   stands still, so each of them has every acknowledged record (KIP-966);
 * - nobody but a member of the ISR or an eligible replica is elected, unless the election is unclean;
 * - the leader epoch rises with each election and when a replica is taken away, so that its late fetches are refused
 *   (KAFKA-14094); not when the ISR alone becomes smaller.
 */
import { NO_NODE, type NodeId, type Uuid } from '@millrace/base'
import { changedPartition, type LocatedPartition, type PartitionImage } from '@millrace/metadata'
import { metadataRecord, type MetadataRecordOf } from '@millrace/protocol'

/** What holds for the partitions of a topic at the time of the decision. */
export interface PartitionRules {
  /** Of the topic; a partition with fewer replicas needs no more than it has. */
  readonly minInsyncReplicas: number
  /** `unclean.leader.election.enable` */
  readonly allowsUncleanElection: boolean
  /** Log directory for a replica that is new to the partition. */
  directoryOf(id: NodeId): Uuid
  /** May be made leader. */
  mayLead(id: NodeId): boolean
  /** May go on leading: also a broker that is about to stop. */
  mayStayLeader(id: NodeId): boolean
}

/** What is left out stays as it is, as far as the rest allows. A partition without a leader gets one if anybody may lead. */
export interface WantedPartition {
  readonly replicas?: readonly NodeId[]
  readonly addingReplicas?: readonly NodeId[]
  readonly removingReplicas?: readonly NodeId[]
  readonly isr?: readonly NodeId[]
  readonly leaderRecoveryState?: number
  /**
   * A replica that may lack what it acknowledged: not eligible any more, and in sync only where nobody else is, or is
   * eligible: then it is all there is.
   */
  readonly distrusted?: NodeId
  /** `preferred`: the first replica, if it is in sync and may lead. `unclean`: of a partition without a leader, whoever may. */
  readonly election?: 'preferred' | 'unclean'
  /** A leader that can't lead in this epoch. In a later one it may, with `isLastResort`, when nobody else can. */
  readonly refuser?: { readonly id: NodeId; readonly isLastResort: boolean }
  /** Also a change to the very same raises the partition epoch. */
  readonly isRecordedAnyway?: true
}

export interface PartitionChange {
  /** Null: nothing changes. */
  readonly record: MetadataRecordOf<'PartitionChangeRecord'> | null
  /** As it is after the change. */
  readonly partition: PartitionImage
  readonly isUncleanElection: boolean
}

/** Everything that a change may touch. */
type Draft = Pick<
  PartitionImage,
  | 'replicas'
  | 'isr'
  | 'addingReplicas'
  | 'removingReplicas'
  | 'eligibleLeaderReplicas'
  | 'lastKnownElr'
  | 'leader'
  | 'leaderRecoveryState'
>

interface Election {
  readonly leader: NodeId
  readonly isr: readonly NodeId[]
  readonly isUnclean: boolean
}

const NONE: readonly NodeId[] = []

export function changePartition(
  { topic, partitionId, partition }: LocatedPartition,
  wanted: WantedPartition,
  rules: PartitionRules,
): PartitionChange {
  const members = withoutDistrusted(partition, completed(partition, wanted, rules), wanted, rules)
  const keptLeader = keepsLeader(partition, members, wanted, rules)
  const election = keptLeader ? null : elect(partition, members, wanted, rules)
  const { leader, isr, isUnclean } = election ?? {
    leader: preferredOr(partition.leader, members, wanted, rules),
    isr: members.isr,
    isUnclean: false,
  }
  const { leaderRecoveryState = partition.leaderRecoveryState } = wanted
  const draft: Draft = {
    ...members,
    isr,
    ...outOfSync(partition, members.replicas, isr, wanted, rules),
    leader,
    leaderRecoveryState: isUnclean ? 1 : leaderRecoveryState,
  }
  const isTakenAway = partition.replicas.some((id) => !draft.replicas.includes(id))
  const isNewEpoch = leader !== partition.leader || isTakenAway || (!keptLeader && leader !== NO_NODE)
  const changes = difference(partition, draft)
  if (changes === null && !isNewEpoch && wanted.isRecordedAnyway !== true) {
    return { record: null, partition, isUncleanElection: false }
  }
  const record = metadataRecord('PartitionChangeRecord', {
    partitionId,
    topicId: topic.id,
    ...changes,
    ...(changes?.replicas !== undefined && { directories: directories(partition, changes.replicas, rules) }),
    ...(isNewEpoch && { leader }),
  })
  return { record, partition: changedPartition(partition, record), isUncleanElection: isUnclean }
}

/** An ISR without the replica; its last member stays, because it may be the only one that has every acknowledged record. */
export function isrWithout(isr: readonly NodeId[], id: NodeId): readonly NodeId[] {
  const others = isr.filter((member) => member !== id)
  return others.length > 0 ? others : isr
}

/* ------------------------------------------------ replicas */

type Members = Pick<Draft, 'replicas' | 'isr' | 'addingReplicas' | 'removingReplicas'>

/**
 * A reassignment is complete when every replica that it adds is in sync (KIP-455). What it removes goes only when enough
 * of the others are in sync, so that no acknowledged record depends on fewer replicas than `min.insync.replicas`.
 */
function completed(partition: PartitionImage, wanted: WantedPartition, rules: PartitionRules): Members {
  const { replicas = partition.replicas } = wanted
  const { addingReplicas = partition.addingReplicas, removingReplicas = partition.removingReplicas } = wanted
  const wantedIsr = wanted.isr ?? partition.isr
  const isr = replicas === partition.replicas ? wantedIsr : wantedIsr.filter((id) => replicas.includes(id))
  if (addingReplicas.length === 0 && removingReplicas.length === 0) {
    return { replicas, isr, addingReplicas, removingReplicas }
  }
  const stays = (id: NodeId): boolean => !removingReplicas.includes(id)
  const target = replicas.filter(stays)
  const targetIsr = isr.filter(stays)
  const isComplete =
    addingReplicas.every((id) => isr.includes(id)) &&
    targetIsr.length >= Math.min(rules.minInsyncReplicas, target.length)
  return isComplete
    ? { replicas: target, isr: targetIsr, addingReplicas: NONE, removingReplicas: NONE }
    : { replicas, isr, addingReplicas, removingReplicas }
}

function withoutDistrusted(
  partition: PartitionImage,
  members: Members,
  wanted: WantedPartition,
  rules: PartitionRules,
): Members {
  const { distrusted } = wanted
  if (distrusted === undefined || !members.isr.includes(distrusted)) return members
  const isr = members.isr.filter((id) => id !== distrusted)
  const { eligibleLeaderReplicas } = outOfSync(partition, members.replicas, isr, wanted, rules)
  const isOther = (id: NodeId): boolean => id !== distrusted
  return isr.length > 0 || eligibleLeaderReplicas.some(isOther) ? { ...members, isr } : members
}

/** Who is not in sync, yet known to hold every acknowledged record, and who once was. */
function outOfSync(
  partition: PartitionImage,
  replicas: readonly NodeId[],
  isr: readonly NodeId[],
  { distrusted }: WantedPartition,
  { minInsyncReplicas }: PartitionRules,
): Pick<Draft, 'eligibleLeaderReplicas' | 'lastKnownElr'> {
  if (isr.length >= Math.min(minInsyncReplicas, replicas.length)) {
    return { eligibleLeaderReplicas: NONE, lastKnownElr: NONE }
  }
  const { isr: wasInSync, eligibleLeaderReplicas: wasEligible, lastKnownElr: wasKnown } = partition
  const known = replicas.filter(
    (id) =>
      !isr.includes(id) && (wasInSync.includes(id) || wasEligible.includes(id) || wasKnown.includes(id)),
  )
  const untilNow = known.filter((id) => wasInSync.includes(id) || wasEligible.includes(id))
  const trusted = untilNow.filter((id) => id !== distrusted)
  const eligible = isr.length === 0 && trusted.length === 0 ? untilNow : trusted
  return { eligibleLeaderReplicas: eligible, lastKnownElr: known.filter((id) => !eligible.includes(id)) }
}

/* ------------------------------------------------ elections */

function keepsLeader(
  { leader }: PartitionImage,
  { isr }: Members,
  { refuser }: WantedPartition,
  rules: PartitionRules,
): boolean {
  return leader !== NO_NODE && leader !== refuser?.id && isr.includes(leader) && rules.mayStayLeader(leader)
}

function preferredOr(
  leader: NodeId,
  { replicas, isr }: Members,
  { election }: WantedPartition,
  rules: PartitionRules,
): NodeId {
  const preferred = replicas[0]
  const isElected =
    election === 'preferred' &&
    preferred !== undefined &&
    preferred !== leader &&
    isr.includes(preferred) &&
    rules.mayLead(preferred)
  return isElected ? preferred : leader
}

/** In sync first, in order of preference, then eligible, then nobody; anybody only where an unclean election is allowed. */
function elect(
  partition: PartitionImage,
  members: Members,
  wanted: WantedPartition,
  rules: PartitionRules,
): Election {
  // Who could be elected otherwise was, and has refused.
  const clean = wanted.election === 'unclean' ? null : electClean(partition, members, wanted, rules)
  if (clean !== null) return clean
  if (wanted.election === 'unclean' || rules.allowsUncleanElection) {
    const mayLead = (id: NodeId): boolean => id !== wanted.refuser?.id && rules.mayLead(id)
    const candidate = uncleanCandidates(partition, members).find(mayLead)
    if (candidate !== undefined) return { leader: candidate, isr: [candidate], isUnclean: true }
  }
  return { leader: NO_NODE, isr: members.isr, isUnclean: false }
}

function electClean(
  partition: PartitionImage,
  { replicas, isr }: Members,
  wanted: WantedPartition,
  rules: PartitionRules,
): Election | null {
  const { refuser } = wanted
  const mayLead = (id: NodeId): boolean => id !== refuser?.id && rules.mayLead(id)
  const inSync = replicas.find((id) => isr.includes(id) && mayLead(id))
  if (inSync !== undefined) return { leader: inSync, isr, isUnclean: false }
  const { eligibleLeaderReplicas } = outOfSync(partition, replicas, isr, wanted, rules)
  const eligible = replicas.find((id) => eligibleLeaderReplicas.includes(id) && mayLead(id))
  if (eligible !== undefined) return { leader: eligible, isr: [eligible], isUnclean: false }
  if (refuser?.isLastResort !== true || !isr.includes(refuser.id) || !rules.mayLead(refuser.id)) return null
  return { leader: refuser.id, isr, isUnclean: false }
}

/** Whoever was known to have everything may still have most of it; whoever still is was elected, and refused. */
function uncleanCandidates(
  { lastKnownElr, eligibleLeaderReplicas }: PartitionImage,
  { replicas, isr }: Members,
): readonly NodeId[] {
  const rank = (id: NodeId): number => {
    if (isr.includes(id) || eligibleLeaderReplicas.includes(id)) return 2
    return lastKnownElr.includes(id) ? 0 : 1
  }
  return replicas.toSorted((a, b) => rank(a) - rank(b))
}

/* ------------------------------------------------ records */

const LISTS = [
  'replicas',
  'isr',
  'addingReplicas',
  'removingReplicas',
  'eligibleLeaderReplicas',
  'lastKnownElr',
] as const satisfies readonly (keyof Draft)[]

type Changes = { [Name in (typeof LISTS)[number]]?: readonly NodeId[] } & { leaderRecoveryState?: number }

/** The fields that change, but for the leader; null: none. */
function difference(partition: PartitionImage, draft: Draft): Changes | null {
  let changes: Changes | null = null
  for (const name of LISTS) {
    if (!isSameList(partition[name], draft[name])) (changes ??= {})[name] = draft[name]
  }
  const { leaderRecoveryState } = draft
  if (leaderRecoveryState !== partition.leaderRecoveryState)
    (changes ??= {}).leaderRecoveryState = leaderRecoveryState
  return changes
}

function directories(
  before: PartitionImage,
  replicas: readonly NodeId[],
  rules: PartitionRules,
): readonly Uuid[] {
  return replicas.map((id) => before.directories[before.replicas.indexOf(id)] ?? rules.directoryOf(id))
}

function isSameList(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a === b || (a.length === b.length && a.every((id, index) => id === b[index]))
}
