/** DescribeQuorum (KIP-836): how far each replica has got, and when it was last heard from, as the leader saw it. */
import {
  type Clock,
  type LeaderEpoch,
  type NodeId,
  NO_TIMESTAMP,
  type Offset,
  timestampMs,
} from '@millrace/base'
import { ErrorCode, errorInfo, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type {
  FetchRequest,
  QuorumDescription,
  ReplicaDescription,
  ReplicaKey,
  VoterSet,
} from '@millrace/raft'
import { CONTROLLER_LISTENER } from './control-batch.ts'
import { METADATA_PARTITION, METADATA_TOPIC } from './metadata-topic.ts'

interface FetchTimes {
  readonly lastFetchMs: number
  /** The leader's log end at that time: having fetched it, the replica is as current as the leader was then. */
  readonly leaderEndOffset: Offset
  readonly lastCaughtUpMs: number
}

/** Replicas remembered: observers come and go under ever new directory ids. */
const REPLICAS_MAX = 1000

/** When the replicas of this leader's epoch fetched. */
export class FetchTimeTable {
  readonly #clock: Clock
  readonly #times = new Map<string, FetchTimes>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  clear(): void {
    this.#times.clear()
  }

  onFetch({ replica, fetchOffset }: FetchRequest, leaderEndOffset: Offset): void {
    const nowMs = this.#clock.wallMs()
    const key = keyOf(replica)
    const before = this.#times.get(key)
    this.#times.delete(key)
    let lastCaughtUpMs = before?.lastCaughtUpMs ?? NO_TIMESTAMP
    if (fetchOffset >= leaderEndOffset) lastCaughtUpMs = nowMs
    else if (before !== undefined && fetchOffset >= before.leaderEndOffset)
      lastCaughtUpMs = before.lastFetchMs
    this.#times.set(key, { lastFetchMs: nowMs, leaderEndOffset, lastCaughtUpMs })
    if (this.#times.size > REPLICAS_MAX) this.#times.delete(this.#times.keys().next().value!)
  }

  get(replica: ReplicaKey): FetchTimes | undefined {
    return this.#times.get(keyOf(replica))
  }
}

export interface DescribedQuorum {
  readonly description: QuorumDescription
  readonly times: FetchTimeTable
  readonly voters: VoterSet
  readonly nowMs: number
}

/** @param quorum null where this replica does not lead */
export function describeQuorum(
  { topics }: RequestOf<'DescribeQuorum'>,
  quorum: DescribedQuorum | null,
): ResponseInputOf<'DescribeQuorum'> {
  if (quorum === null) {
    const errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER
    return { errorCode, errorMessage: errorInfo(errorCode).text, topics: [] }
  }
  const isAbout = (topicName: string, partitionIndex: number): boolean =>
    topicName === METADATA_TOPIC && partitionIndex === METADATA_PARTITION
  const isKnown = topics.some(({ topicName, partitions }) =>
    partitions.some(({ partitionIndex }) => isAbout(topicName, partitionIndex)),
  )
  return {
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) =>
        isAbout(topicName, partitionIndex) ? describePartition(quorum) : unknownPartition(partitionIndex),
      ),
    })),
    nodes: (isKnown ? quorum.voters.voters : []).map(({ id, endpoint }) => ({
      nodeId: id,
      listeners: [{ name: CONTROLLER_LISTENER, ...endpoint }],
    })),
  }
}

function describePartition({ description, times, nowMs }: DescribedQuorum) {
  const { leaderId, epoch, highWatermark, voters, observers } = description
  const stateOf = (replica: ReplicaDescription) => replicaState(replica, leaderId, times.get(replica), nowMs)
  return {
    partitionIndex: METADATA_PARTITION,
    errorCode: ErrorCode.NONE,
    leaderId,
    leaderEpoch: epoch as LeaderEpoch,
    highWatermark,
    currentVoters: voters.map(stateOf),
    observers: observers.map(stateOf),
  }
}

function replicaState(
  { id, directoryId, logEndOffset }: ReplicaDescription,
  leaderId: NodeId,
  times: FetchTimes | undefined,
  nowMs: number,
) {
  const isLeader = id === leaderId
  return {
    replicaId: id,
    replicaDirectoryId: directoryId,
    logEndOffset,
    lastFetchTimestamp: isLeader ? timestampMs(nowMs) : timestampMs(times?.lastFetchMs ?? NO_TIMESTAMP),
    lastCaughtUpTimestamp: isLeader ? timestampMs(nowMs) : timestampMs(times?.lastCaughtUpMs ?? NO_TIMESTAMP),
  }
}

function unknownPartition(partitionIndex: number) {
  return {
    partitionIndex,
    errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    leaderId: -1 as NodeId,
    leaderEpoch: -1 as LeaderEpoch,
    highWatermark: -1 as Offset,
    currentVoters: [],
    observers: [],
  }
}

function keyOf({ id, directoryId }: ReplicaKey): string {
  return `${id} ${directoryId}`
}
