import { NO_NODE } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleElectLeaders } from '../src/elect-leaders.ts'
import { ReplicatedCluster } from './replicated-cluster.ts'

const PREFERRED = 0
const UNCLEAN = 1

/** Error codes by partition, of topic `t`. */
function elect(cluster: ReplicatedCluster, electionType: number, partitions: number[] | null = [0]) {
  const topicPartitions = partitions === null ? null : [{ topic: 't', partitions }]
  const { replicaElectionResults, errorCode } = cluster.run(handleElectLeaders, {
    electionType,
    topicPartitions,
    timeoutMs: 1,
  })
  expect(errorCode).toBeUndefined()
  return replicaElectionResults.flatMap(({ partitionResult }) =>
    partitionResult.map((result) => [result.partitionId, result.errorCode]),
  )
}

test('the preferred replica leads again once it is in sync', () => {
  const cluster = new ReplicatedCluster()
  expect(elect(cluster, PREFERRED)).toEqual([[0, ErrorCode.ELECTION_NOT_NEEDED]])
  cluster.restart(1)
  expect(elect(cluster, PREFERRED)).toEqual([[0, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE]])
  cluster.alter([1, 2, 3])
  expect(elect(cluster, PREFERRED)).toEqual([[0, ErrorCode.NONE]])
  expect(cluster.partition()).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [1, 2, 3] })
})

test('for all partitions: those that need no election are left out of the answer', () => {
  const cluster = new ReplicatedCluster([
    [1, 2],
    [2, 1],
    [3, 1],
  ])
  cluster.restart(1)
  cluster.alter([1, 2])
  expect(elect(cluster, PREFERRED, null)).toEqual([[0, ErrorCode.NONE]])
  expect(elect(cluster, PREFERRED, null)).toEqual([])
})

test('in a way that there is not: refused beside each partition, too, where version 0 looks for it', () => {
  const cluster = new ReplicatedCluster()
  const topicPartitions = [{ topic: 't', partitions: [0] }]
  expect(cluster.run(handleElectLeaders, { electionType: 7, topicPartitions, timeoutMs: 1 })).toEqual({
    errorCode: ErrorCode.INVALID_REQUEST,
    replicaElectionResults: [
      { topic: 't', partitionResult: [{ partitionId: 0, errorCode: ErrorCode.INVALID_REQUEST }] },
    ],
  })
})

test('an unclean election is made where nobody leads, and told', () => {
  const cluster = new ReplicatedCluster([[1, 2, 3]], { 'min.insync.replicas': '1' })
  expect(elect(cluster, UNCLEAN)).toEqual([[0, ErrorCode.ELECTION_NOT_NEEDED]])
  cluster.alter([1])
  cluster.crash(1, 2, 3)
  expect(elect(cluster, UNCLEAN)).toEqual([[0, ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE]])
  cluster.restart(3)
  expect(cluster.partition()).toMatchObject({ leader: NO_NODE, isr: [1] })
  expect(elect(cluster, PREFERRED)).toEqual([[0, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE]])
  expect(cluster.uncleanElections).toEqual([])
  expect(elect(cluster, UNCLEAN)).toEqual([[0, ErrorCode.NONE]])
  const { leaderEpoch } = cluster.partition()
  expect(cluster.partition()).toMatchObject({ leader: 3, isr: [3], leaderRecoveryState: 1 })
  expect(cluster.uncleanElections).toEqual([{ topic: 't', partition: 0, leader: 3, leaderEpoch }])
})

test('what does not exist, and other types of election, are refused', () => {
  const cluster = new ReplicatedCluster()
  expect(elect(cluster, PREFERRED, [7])).toEqual([[7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]])
  const topicPartitions = [{ topic: 'other', partitions: [0] }]
  const unknown = cluster.run(handleElectLeaders, { electionType: 0, topicPartitions, timeoutMs: 1 })
  expect(unknown.replicaElectionResults[0]!.partitionResult[0]).toMatchObject({
    errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  })
  const request = { electionType: 2, topicPartitions: null, timeoutMs: 1 }
  expect(cluster.run(handleElectLeaders, request).errorCode).toBe(ErrorCode.INVALID_REQUEST)
})
