import { leaderEpoch, nodeId, ZERO_UUID } from '@millrace/base'
import type { Uuid } from '@millrace/base'
import { MetadataCache } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

const FIRST = 'AAAAAAAAAAAAAAAAAAAAAQ' as Uuid
const SECOND = 'AAAAAAAAAAAAAAAAAAAAAg' as Uuid

type Partition = readonly [leader: number, epoch: number]

function answer(topicId: Uuid, partitions: readonly Partition[], errorCode = 0): ResponseOf<'Metadata'> {
  return {
    throttleTimeMs: 0,
    brokers: [1, 2].map((id) => ({ nodeId: nodeId(id), host: 'localhost', port: 9000 + id, rack: null })),
    clusterId: 'c',
    controllerId: nodeId(1),
    topics: [
      {
        errorCode,
        name: 'flights',
        topicId,
        isInternal: false,
        partitions: partitions.map(([leader, epoch], partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: nodeId(leader),
          leaderEpoch: leaderEpoch(epoch),
          replicaNodes: [nodeId(leader)],
          isrNodes: [nodeId(leader)],
          offlineReplicas: [],
          shardPort: 0,
        })),
        topicAuthorizedOperations: 0,
      },
    ],
    clusterAuthorizedOperations: 0,
    errorCode: 0,
  }
}

function leaders(cache: MetadataCache): Partition[] {
  return cache.topic('flights')!.partitions.map(({ leader, leaderEpoch: epoch }) => [leader, epoch])
}

describe('metadata cache', () => {
  it('never goes back to an older leader epoch of the same topic id', () => {
    const cache = new MetadataCache()
    cache.update(
      answer(FIRST, [
        [1, 5],
        [2, 5],
      ]),
    )
    cache.update(
      answer(FIRST, [
        [2, 4],
        [1, 6],
      ]),
    )
    expect(leaders(cache)).toEqual([
      [1, 5],
      [1, 6],
    ])
  })

  it('believes a lower epoch of a topic that was created again', () => {
    const cache = new MetadataCache()
    cache.update(answer(FIRST, [[1, 5]]))
    cache.update(answer(SECOND, [[2, 0]]))
    expect(leaders(cache)).toEqual([[2, 0]])
  })

  it('forgets epochs of a topic without id once brokers did not know it', () => {
    const cache = new MetadataCache()
    cache.update(answer(ZERO_UUID, [[1, 5]]))
    cache.update(answer(ZERO_UUID, [], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    expect(cache.topic('flights')).toBeUndefined()
    expect(cache.topicError('flights')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    cache.update(answer(ZERO_UUID, [[2, 0]]))
    expect(leaders(cache)).toEqual([[2, 0]])
    expect(cache.topicError('flights')).toBe(ErrorCode.NONE)
  })

  it('keeps what it knows of a topic through an error that passes', () => {
    const cache = new MetadataCache()
    cache.update(answer(FIRST, [[1, 5]]))
    cache.update(answer(FIRST, [], ErrorCode.LEADER_NOT_AVAILABLE))
    expect(leaders(cache)).toEqual([[1, 5]])
  })

  it('takes a leader hint only when it is news', () => {
    const cache = new MetadataCache()
    cache.update(answer(FIRST, [[1, 5]]))
    const hint = { topic: 'flights', partition: 0, leader: nodeId(2) }
    expect(cache.applyLeaderHint({ ...hint, leaderEpoch: leaderEpoch(5) })).toBe(false)
    expect(cache.applyLeaderHint({ ...hint, partition: 7, leaderEpoch: leaderEpoch(9) })).toBe(false)
    expect(cache.applyLeaderHint({ ...hint, leaderEpoch: leaderEpoch(6) })).toBe(true)
    expect(leaders(cache)).toEqual([[2, 6]])
  })

  it('finds partitions in order whatever order they came in', () => {
    const shuffled = answer(FIRST, [
      [1, 1],
      [2, 2],
      [1, 3],
    ])
    shuffled.topics[0]!.partitions.reverse()
    const cache = new MetadataCache()
    cache.update(shuffled)
    expect(leaders(cache)).toEqual([
      [1, 1],
      [2, 2],
      [1, 3],
    ])
  })
})
