/**
 * Requests between replicas of the metadata log, as the core says them and as the wire carries them.
 *
 * Must not know: connections, who decides. Requests about another topic or another cluster never reach the core.
 */
import {
  NO_LEADER_EPOCH,
  NO_NODE,
  NO_OFFSET,
  type LeaderEpoch,
  type NodeId,
  type Offset,
} from '@millrace/base'
import type { RequestInputOf, RequestOf } from '@millrace/protocol'
import type {
  AddVoterRequest,
  BeginQuorumEpochRequest,
  EndQuorumEpochRequest,
  FetchRequest,
  FetchSnapshotRequest,
  RaftRequest,
  RemoveVoterRequest,
  UpdateVoterRequest,
  Voter,
  VoteRequest,
} from '@millrace/raft'
import { CONTROLLER_LISTENER } from './control-batch.ts'
import { METADATA_PARTITION, METADATA_TOPIC, METADATA_TOPIC_ID } from './metadata-topic.ts'

/** The API of each request of the core. */
export const raftApis = {
  vote: 'Vote',
  'begin-quorum-epoch': 'BeginQuorumEpoch',
  'end-quorum-epoch': 'EndQuorumEpoch',
  fetch: 'Fetch',
  'fetch-snapshot': 'FetchSnapshot',
  'add-voter': 'AddRaftVoter',
  'remove-voter': 'RemoveRaftVoter',
  'update-voter': 'UpdateRaftVoter',
} as const

export type RaftApi = (typeof raftApis)[keyof typeof raftApis]
export type RequestOfApi<N extends RaftApi> = Extract<
  RaftRequest,
  {
    readonly kind: {
      [K in keyof typeof raftApis]: (typeof raftApis)[K] extends N ? K : never
    }[keyof typeof raftApis]
  }
>

/** Where a Fetch has no highWatermark: the largest number, as the schema says. */
const UNKNOWN_HIGH_WATERMARK = Number.MAX_SAFE_INTEGER as Offset
const KRAFT_VERSIONS = { minSupportedVersion: 0, maxSupportedVersion: 1 }

/* ------------------------------------------------------------ to the wire */

type Encoders = {
  readonly [N in RaftApi]: (request: RequestOfApi<N>, clusterId: string) => RequestInputOf<N>
}

const encoders: Encoders = {
  Vote: ({ voter, candidate, epoch, lastOffset, lastEpoch, preVote }, clusterId) => ({
    clusterId,
    voterId: voter.id,
    topics: onePartition({
      replicaEpoch: epoch as LeaderEpoch,
      replicaId: candidate.id,
      replicaDirectoryId: candidate.directoryId,
      voterDirectoryId: voter.directoryId,
      lastOffsetEpoch: lastEpoch as LeaderEpoch,
      lastOffset,
      preVote,
    }),
  }),
  BeginQuorumEpoch: ({ voter, epoch, leaderId, leaderEndpoint }, clusterId) => ({
    clusterId,
    voterId: voter.id,
    topics: onePartition({
      voterDirectoryId: voter.directoryId,
      leaderId,
      leaderEpoch: epoch as LeaderEpoch,
    }),
    leaderEndpoints: [{ name: CONTROLLER_LISTENER, ...leaderEndpoint }],
  }),
  EndQuorumEpoch: ({ epoch, leaderId, preferredCandidates }, clusterId) => ({
    clusterId,
    topics: onePartition({
      leaderId,
      leaderEpoch: epoch as LeaderEpoch,
      preferredSuccessors: preferredCandidates.map(({ id }) => id),
      preferredCandidates: preferredCandidates.map(({ id, directoryId }) => ({
        candidateId: id,
        candidateDirectoryId: directoryId,
      })),
    }),
  }),
  Fetch: (request, clusterId) => ({
    clusterId,
    replicaId: request.replica.id,
    replicaState: { replicaId: request.replica.id },
    maxWaitMs: request.maxWaitMs,
    minBytes: 1,
    maxBytes: request.maxBytes,
    topics: [
      {
        topic: METADATA_TOPIC,
        topicId: METADATA_TOPIC_ID,
        partitions: [
          {
            partition: METADATA_PARTITION,
            currentLeaderEpoch: request.epoch as LeaderEpoch,
            fetchOffset: request.fetchOffset,
            lastFetchedEpoch: request.lastFetchedEpoch as LeaderEpoch,
            partitionMaxBytes: request.maxBytes,
            replicaDirectoryId: request.replica.directoryId,
            highWatermark:
              request.appliedOffset === NO_OFFSET ? UNKNOWN_HIGH_WATERMARK : request.appliedOffset,
          },
        ],
      },
    ],
  }),
  FetchSnapshot: ({ replica, epoch, snapshotId, position, maxBytes }, clusterId) => ({
    clusterId,
    replicaId: replica.id,
    maxBytes,
    topics: [
      {
        name: METADATA_TOPIC,
        partitions: [
          {
            partition: METADATA_PARTITION,
            currentLeaderEpoch: epoch as LeaderEpoch,
            snapshotId: { endOffset: snapshotId.endOffset, epoch: snapshotId.epoch as LeaderEpoch },
            position,
            replicaDirectoryId: replica.directoryId,
          },
        ],
      },
    ],
  }),
  AddRaftVoter: ({ voter, timeoutMs }, clusterId) => ({ clusterId, timeoutMs, ...voterFields(voter) }),
  RemoveRaftVoter: ({ voter, onlyIfSilent }, clusterId) => ({
    clusterId,
    voterId: voter.id,
    voterDirectoryId: voter.directoryId,
    onlyIfSilent,
  }),
  UpdateRaftVoter: ({ epoch, voter }, clusterId) => ({
    clusterId,
    currentLeaderEpoch: epoch as LeaderEpoch,
    ...voterFields(voter),
    kRaftVersionFeature: KRAFT_VERSIONS,
  }),
}

/** @returns the body of `raftApis[request.kind]` */
export function toWireRequest(request: RaftRequest, clusterId: string): RequestInputOf<RaftApi> {
  const encode = encoders[raftApis[request.kind]] as (
    request: RaftRequest,
    clusterId: string,
  ) => RequestInputOf<RaftApi>
  return encode(request, clusterId)
}

function onePartition<Fields extends object>(fields: Fields) {
  return [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: METADATA_PARTITION, ...fields }] }]
}

function voterFields({ id, directoryId, endpoint }: Voter) {
  const listeners = [{ name: CONTROLLER_LISTENER, ...endpoint }]
  return { voterId: id, voterDirectoryId: directoryId, listeners }
}

/* ------------------------------------------------------------ from the wire */

/** @returns null for a request that is not about the metadata log, as in the functions below */
export function fromVoteRequest({ voterId, topics }: RequestOf<'Vote'>): VoteRequest | null {
  const partition = partitionOf(topics)
  if (partition === null) return null
  return {
    kind: 'vote',
    voter: { id: voterId, directoryId: partition.voterDirectoryId },
    candidate: { id: partition.replicaId, directoryId: partition.replicaDirectoryId },
    epoch: partition.replicaEpoch,
    lastOffset: partition.lastOffset,
    lastEpoch: partition.lastOffsetEpoch,
    preVote: partition.preVote,
  }
}

export function fromBeginQuorumEpochRequest(
  request: RequestOf<'BeginQuorumEpoch'>,
): BeginQuorumEpochRequest | null {
  const partition = partitionOf(request.topics)
  const leaderEndpoint = controllerEndpoint(request.leaderEndpoints)
  if (partition === null || leaderEndpoint === null) return null
  return {
    kind: 'begin-quorum-epoch',
    voter: { id: request.voterId, directoryId: partition.voterDirectoryId },
    epoch: partition.leaderEpoch,
    leaderId: partition.leaderId,
    leaderEndpoint,
  }
}

export function fromEndQuorumEpochRequest({
  topics,
}: RequestOf<'EndQuorumEpoch'>): EndQuorumEpochRequest | null {
  const partition = partitionOf(topics)
  if (partition === null) return null
  return {
    kind: 'end-quorum-epoch',
    epoch: partition.leaderEpoch,
    leaderId: partition.leaderId,
    preferredCandidates: partition.preferredCandidates.map(({ candidateId, candidateDirectoryId }) => ({
      id: candidateId,
      directoryId: candidateDirectoryId,
    })),
  }
}

export function fromFetchRequest(request: RequestOf<'Fetch'>): FetchRequest | null {
  const [topic] = request.topics
  const [partition] = topic?.partitions ?? []
  const isOurs = topic?.topicId === METADATA_TOPIC_ID || topic?.topic === METADATA_TOPIC
  const isOne = request.topics.length === 1 && topic?.partitions.length === 1
  if (!isOurs || !isOne || partition?.partition !== METADATA_PARTITION) return null
  const replicaId =
    request.replicaState.replicaId === NO_NODE ? request.replicaId : request.replicaState.replicaId
  if (replicaId < 0 || partition.fetchOffset < 0) return null
  const { highWatermark } = partition
  return {
    kind: 'fetch',
    replica: { id: replicaId, directoryId: partition.replicaDirectoryId },
    epoch: partition.currentLeaderEpoch,
    fetchOffset: partition.fetchOffset,
    lastFetchedEpoch: partition.lastFetchedEpoch,
    appliedOffset: highWatermark === UNKNOWN_HIGH_WATERMARK ? NO_OFFSET : highWatermark,
    maxWaitMs: Math.max(0, request.maxWaitMs),
    maxBytes: Math.max(0, Math.min(request.maxBytes, partition.partitionMaxBytes)),
  }
}

export function fromFetchSnapshotRequest(request: RequestOf<'FetchSnapshot'>): FetchSnapshotRequest | null {
  const [topic] = request.topics
  const [partition] = topic?.partitions ?? []
  const isOne = request.topics.length === 1 && topic?.partitions.length === 1
  if (topic?.name !== METADATA_TOPIC || !isOne || partition?.partition !== METADATA_PARTITION) return null
  const { snapshotId } = partition
  return {
    kind: 'fetch-snapshot',
    replica: { id: request.replicaId, directoryId: partition.replicaDirectoryId },
    epoch: partition.currentLeaderEpoch,
    snapshotId: { endOffset: snapshotId.endOffset, epoch: snapshotId.epoch },
    position: partition.position,
    maxBytes: Math.max(1, request.maxBytes),
  }
}

export function fromAddRaftVoterRequest(request: RequestOf<'AddRaftVoter'>): AddVoterRequest | null {
  const voter = voterOf(request)
  return voter === null ? null : { kind: 'add-voter', voter, timeoutMs: Math.max(0, request.timeoutMs) }
}

/** @param timeoutMs the request has none */
export function fromRemoveRaftVoterRequest(
  { voterId, voterDirectoryId, onlyIfSilent }: RequestOf<'RemoveRaftVoter'>,
  timeoutMs: number,
): RemoveVoterRequest {
  const voter = { id: voterId, directoryId: voterDirectoryId }
  return { kind: 'remove-voter', voter, timeoutMs, onlyIfSilent }
}

export function fromUpdateRaftVoterRequest(request: RequestOf<'UpdateRaftVoter'>): UpdateVoterRequest | null {
  const voter = voterOf(request)
  const epoch = request.currentLeaderEpoch
  return voter === null || epoch === NO_LEADER_EPOCH ? null : { kind: 'update-voter', epoch, voter }
}

interface ListenerFields {
  readonly name: string
  readonly host: string
  readonly port: number
}

function voterOf(request: {
  readonly voterId: NodeId
  readonly voterDirectoryId: Voter['directoryId']
  readonly listeners: readonly ListenerFields[]
}): Voter | null {
  const endpoint = controllerEndpoint(request.listeners)
  if (endpoint === null || request.voterId < 0) return null
  return { id: request.voterId, directoryId: request.voterDirectoryId, endpoint }
}

/** The listener of the controllers, or the only one, under whatever name. */
function controllerEndpoint(listeners: readonly ListenerFields[]): Voter['endpoint'] | null {
  const found = listeners.find(({ name }) => name === CONTROLLER_LISTENER) ?? listeners[0]
  return found === undefined ? null : { host: found.host, port: found.port }
}

function partitionOf<Partition extends { readonly partitionIndex: number }>(
  topics: readonly { readonly topicName: string; readonly partitions: readonly Partition[] }[],
): Partition | null {
  const [topic] = topics
  const [partition] = topic?.partitions ?? []
  if (topics.length !== 1 || topic?.topicName !== METADATA_TOPIC || topic.partitions.length !== 1) return null
  return partition?.partitionIndex === METADATA_PARTITION ? partition : null
}
