import { type LeaderEpoch, NO_NODE, type NodeId } from '@millrace/base'
import type { LocatedPartition, PartitionImage } from '@millrace/metadata'
import { describe, expect, test } from 'vitest'
import {
  changePartition,
  isrWithout,
  type PartitionRules,
  type WantedPartition,
} from '../src/partition-change.ts'
import { node, uuid } from './cluster.ts'

const ids = (...numbers: number[]): NodeId[] => numbers.map(node)

function partitionOf(fields: Partial<PartitionImage> = {}): LocatedPartition {
  const replicas = fields.replicas ?? ids(1, 2, 3)
  const partition: PartitionImage = {
    replicas,
    isr: replicas,
    removingReplicas: [],
    addingReplicas: [],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    directories: replicas.map((id) => uuid(id)),
    leader: node(1),
    leaderEpoch: 5 as LeaderEpoch,
    partitionEpoch: 10,
    leaderRecoveryState: 0,
    ...fields,
  }
  const topic = { name: 't', id: uuid(1), partitions: [partition] }
  return { topic, partitionId: 0, partition }
}

function change(
  located: LocatedPartition,
  wanted: WantedPartition,
  { live = [1, 2, 3, 4], min = 2, unclean = false } = {},
) {
  const rules: PartitionRules = {
    minInsyncReplicas: min,
    allowsUncleanElection: unclean,
    directoryOf: (id) => uuid(100 + id),
    mayLead: (id) => live.includes(id),
    mayStayLeader: (id) => live.includes(id),
  }
  return changePartition(located, wanted, rules)
}

test('what is so already makes no record, unless it is wanted anyway', () => {
  const located = partitionOf()
  expect(change(located, { isr: ids(1, 2, 3) })).toEqual({
    record: null,
    partition: located.partition,
    isUncleanElection: false,
  })
  const { record, partition } = change(located, { isr: ids(1, 2, 3), isRecordedAnyway: true })
  expect(record).toMatchObject({ type: 'PartitionChangeRecord', isr: null, leader: -2 })
  expect(partition).toEqual({ ...located.partition, partitionEpoch: 11 })
})

test('an ISR loses a member, but never its last', () => {
  expect(isrWithout(ids(1, 2), node(1))).toEqual(ids(2))
  expect(isrWithout(ids(1), node(1))).toEqual(ids(1))
  expect(isrWithout(ids(1, 2), node(3))).toEqual(ids(1, 2))
})

describe('leaders', () => {
  test('come from the ISR, in order of preference, whatever the order of the ISR', () => {
    const located = partitionOf({ replicas: ids(3, 1, 2), isr: ids(2, 1, 3), leader: node(3) })
    expect(change(located, { isr: ids(2, 1) }).partition).toMatchObject({ leader: 1, leaderEpoch: 6 })
    expect(change(located, { isr: ids(2, 1) }, { live: [2] }).partition).toMatchObject({ leader: 2 })
  })

  test('stay where they are while they can, in the same epoch', () => {
    const { partition } = change(partitionOf({ leader: node(2) }), { isr: ids(2, 1) })
    expect(partition).toMatchObject({ leader: 2, leaderEpoch: 5, partitionEpoch: 11, isr: [2, 1] })
  })

  test('are eligible replicas when nobody in sync is live: then the others that may have everything are', () => {
    const located = partitionOf({ isr: ids(1), eligibleLeaderReplicas: ids(2), leader: NO_NODE })
    const { partition } = change(located, {}, { live: [2, 3] })
    expect(partition).toMatchObject({ leader: 2, leaderEpoch: 6, isr: [2], eligibleLeaderReplicas: [1] })
  })

  test('are nobody while only replicas are live that may lack something', () => {
    const located = partitionOf({ isr: ids(1), leader: node(1) })
    const { partition, isUncleanElection } = change(located, {}, { live: [2, 3] })
    expect(partition).toMatchObject({ leader: NO_NODE, leaderEpoch: 6, isr: [1] })
    expect(isUncleanElection).toBe(false)
    expect(change({ ...located, partition }, {}, { live: [3] }).record).toBeNull()
  })

  test('change to the preferred replica on request, if it is in sync and live', () => {
    const located = partitionOf({ leader: node(2) })
    expect(change(located, { election: 'preferred' }).partition).toMatchObject({ leader: 1, leaderEpoch: 6 })
    expect(change(located, { election: 'preferred' }, { live: [2, 3] }).record).toBeNull()
    const behind = partitionOf({ leader: node(2), isr: ids(2, 3) })
    expect(change(behind, { election: 'preferred' }).record).toBeNull()
  })

  test('that refuse are followed by another, by themselves only as a last resort', () => {
    const refuser = { id: node(1), isLastResort: false }
    const others = change(partitionOf(), { isr: ids(2, 3), distrusted: node(1), refuser })
    expect(others.partition).toMatchObject({ leader: 2, isr: [2, 3], eligibleLeaderReplicas: [] })
    const alone = partitionOf({ isr: ids(1) })
    const wanted = { distrusted: node(1), refuser }
    expect(change(alone, wanted).partition).toMatchObject({ leader: NO_NODE, leaderEpoch: 6, isr: [1] })
    const again = change(alone, { ...wanted, refuser: { ...refuser, isLastResort: true } })
    expect(again.partition).toMatchObject({ leader: 1, leaderEpoch: 6, isr: [1] })
  })
})

describe('unclean elections', () => {
  const lost = partitionOf({ isr: ids(1), leader: NO_NODE })

  test('are made where the topic allows them, and recover', () => {
    const { partition, isUncleanElection } = change(lost, {}, { live: [3], unclean: true })
    expect(isUncleanElection).toBe(true)
    expect(partition).toMatchObject({ leader: 3, isr: [3], leaderRecoveryState: 1, leaderEpoch: 6 })
  })

  test('are made on request, first of those who once had everything', () => {
    const { partition } = change(
      { ...lost, partition: { ...lost.partition, lastKnownElr: ids(3) } },
      { election: 'unclean' },
      { live: [2, 3] },
    )
    expect(partition).toMatchObject({ leader: 3, isr: [3], leaderRecoveryState: 1 })
  })

  test('elect a replica that was elected and refused only when there is no other', () => {
    expect(change(lost, { election: 'unclean' }).partition).toMatchObject({ leader: 2, isr: [2] })
    expect(change(lost, { election: 'unclean' }, { live: [1] }).partition).toMatchObject({
      leader: 1,
      leaderRecoveryState: 1,
    })
  })

  test('are not made while a clean one is possible', () => {
    const located = partitionOf({ isr: ids(1), eligibleLeaderReplicas: ids(3), leader: NO_NODE })
    const { partition, isUncleanElection } = change(located, {}, { live: [2, 3], unclean: true })
    expect(isUncleanElection).toBe(false)
    expect(partition).toMatchObject({ leader: 3, leaderRecoveryState: 0 })
  })

  test('end their recovery when the leader says so, not with the next election', () => {
    const recovering = partitionOf({ leaderRecoveryState: 1 })
    expect(change(recovering, { isr: ids(2, 3) }).partition.leaderRecoveryState).toBe(1)
    expect(change(recovering, { leaderRecoveryState: 0 }).partition.leaderRecoveryState).toBe(0)
  })
})

describe('eligible replicas (KIP-966)', () => {
  test('are those who leave an ISR that becomes too small', () => {
    const { partition } = change(partitionOf(), { isr: ids(1) })
    expect(partition).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2, 3], lastKnownElr: [] })
  })

  test('are none while enough are in sync, and none any more when enough are again', () => {
    expect(change(partitionOf(), { isr: ids(1, 2) }).partition.eligibleLeaderReplicas).toEqual([])
    const small = partitionOf({ isr: ids(1), eligibleLeaderReplicas: ids(2), lastKnownElr: ids(3) })
    const { record, partition } = change(small, { isr: ids(1, 3) })
    expect(partition).toMatchObject({ isr: [1, 3], eligibleLeaderReplicas: [], lastKnownElr: [] })
    expect(record).toMatchObject({ eligibleLeaderReplicas: [], lastKnownElr: [] })
  })

  test('are none where the minimum is one', () => {
    expect(change(partitionOf(), { isr: ids(1) }, { min: 1 }).partition.eligibleLeaderReplicas).toEqual([])
  })

  test('of a partition with fewer replicas than the minimum: as many as it has are needed', () => {
    const { partition } = change(partitionOf({ replicas: ids(1, 2) }), { isr: ids(1) }, { min: 3 })
    expect(partition.eligibleLeaderReplicas).toEqual(ids(2))
  })

  test('that may have lost something are only remembered; in sync it stays only when it is all there is', () => {
    const located = partitionOf({ isr: ids(1), eligibleLeaderReplicas: ids(2, 3), leader: NO_NODE })
    const eligible = change(located, { distrusted: node(3) }, { live: [] }).partition
    expect(eligible).toMatchObject({ isr: [1], eligibleLeaderReplicas: [2], lastKnownElr: [3] })
    const inSync = change(located, { distrusted: node(1) }, { live: [] }).partition
    expect(inSync).toMatchObject({ isr: [], eligibleLeaderReplicas: [2, 3], lastKnownElr: [1] })
    const last = partitionOf({ isr: ids(1), leader: NO_NODE })
    expect(change(last, { distrusted: node(1) }, { live: [] }).record).toBeNull()
    const lastEligible = partitionOf({ isr: [], eligibleLeaderReplicas: ids(2), leader: NO_NODE })
    expect(change(lastEligible, { distrusted: node(2) }, { live: [] }).record).toBeNull()
  })
})

describe('reassignments (KIP-455)', () => {
  const adding = { replicas: ids(1, 2, 4, 3), addingReplicas: ids(4), removingReplicas: ids(3) }
  const moving = partitionOf({ ...adding, isr: ids(1, 2, 3) })

  test('are complete when what they add is in sync: then what they remove is gone, in a new epoch', () => {
    const { partition } = change(moving, { isr: ids(1, 2, 3, 4) })
    expect(partition).toMatchObject({
      replicas: [1, 2, 4],
      isr: [1, 2, 4],
      addingReplicas: [],
      removingReplicas: [],
      leader: 1,
      leaderEpoch: 6,
      directories: [uuid(1), uuid(2), uuid(4)],
    })
    expect(change(moving, { isr: ids(1, 2) }).partition).toMatchObject(adding)
  })

  test('give a leader that goes a successor', () => {
    const located = partitionOf({ ...adding, isr: ids(1, 2, 3), leader: node(3) })
    expect(change(located, { isr: ids(1, 2, 3, 4) }).partition).toMatchObject({ leader: 1, leaderEpoch: 6 })
  })

  test('remove nobody while that would leave fewer in sync than the minimum', () => {
    const replicas = { replicas: ids(1, 2, 3), addingReplicas: [], removingReplicas: ids(3) }
    const located = partitionOf({ isr: ids(1, 3) })
    expect(change(located, replicas).partition).toMatchObject({ ...replicas, isr: [1, 3], leaderEpoch: 5 })
    expect(change(located, replicas, { min: 1 }).partition).toMatchObject({ replicas: [1, 2], isr: [1] })
  })

  test('say where new replicas are kept, in the order of the replicas', () => {
    const { record } = change(partitionOf(), { replicas: ids(4, 3, 2, 1), addingReplicas: ids(4) })
    expect(record).toMatchObject({ directories: [uuid(104), uuid(3), uuid(2), uuid(1)] })
  })

  test('that take a replica away raise the leader epoch also where nobody leads', () => {
    const located = partitionOf({ leader: NO_NODE, isr: ids(1) })
    const { partition } = change(located, { replicas: ids(1, 2) }, { live: [] })
    expect(partition).toMatchObject({ leader: NO_NODE, leaderEpoch: 6 })
  })
})
