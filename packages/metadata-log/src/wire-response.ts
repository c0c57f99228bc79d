/** Answers between replicas of the metadata log, as the core says them and as the wire carries them. */
import { NO_LEADER_EPOCH, NO_NODE, NO_OFFSET, type LeaderEpoch, type NodeId } from '@millrace/base'
import { ErrorCode, errorInfo, type ResponseInputOf, type ResponseOf } from '@millrace/protocol'
import type {
  ChangeVotersResponse,
  FetchResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
  LeadershipClaim,
  RaftError,
  RaftRequest,
  RaftResponse,
} from '@millrace/raft'
import { type BadRecords, bytesOf, readFetchedRecords } from './fetched-records.ts'
import { METADATA_PARTITION, METADATA_TOPIC, METADATA_TOPIC_ID } from './metadata-topic.ts'
import { type RaftApi, raftApis, type RequestOfApi } from './wire-request.ts'

const NO_BYTES = Buffer.alloc(0)
/** Where an answer has no room for it. */
const UNKNOWN_LEADERSHIP: LeadershipClaim = { epoch: -1, leaderId: NO_NODE, leaderEndpoint: null }

/* ------------------------------------------------------------ to the wire */

/** @returns the body of the API that the response belongs to */
export function toWireResponse(response: RaftResponse): ResponseInputOf<RaftApi> {
  const errorCode = ErrorCode[response.error]
  switch (response.kind) {
    case 'vote': {
      const { granted, voterDirectoryId } = response
      return epochAnswer(errorCode, response, { voteGranted: granted, voterDirectoryId })
    }
    case 'begin-quorum-epoch':
    case 'end-quorum-epoch':
      return epochAnswer(errorCode, response, {})
    case 'fetch':
      return fetchAnswer(errorCode, response)
    case 'fetch-snapshot':
      return snapshotAnswer(errorCode, response)
    case 'add-voter':
    case 'remove-voter':
      return { errorCode, errorMessage: response.message }
    case 'update-voter':
      return updateVoterAnswer(errorCode, response)
  }
}

/** Says no without asking the core: another cluster, another topic. */
export function wireRefusal(api: RaftApi, errorCode: number): ResponseInputOf<RaftApi> {
  const emptyBodies = {
    Vote: { errorCode, topics: [] },
    BeginQuorumEpoch: { errorCode, topics: [] },
    EndQuorumEpoch: { errorCode, topics: [] },
    Fetch: { errorCode, responses: [] },
    FetchSnapshot: { errorCode, topics: [] },
    AddRaftVoter: { errorCode },
    RemoveRaftVoter: { errorCode },
    UpdateRaftVoter: { errorCode },
  } as const
  return emptyBodies[api]
}

function epochAnswer<Fields extends object>(errorCode: number, claim: LeadershipClaim, fields: Fields) {
  const partition = {
    partitionIndex: METADATA_PARTITION,
    errorCode,
    leaderId: claim.leaderId,
    leaderEpoch: claim.epoch as LeaderEpoch,
    ...fields,
  }
  return {
    topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }],
    nodeEndpoints: nodeEndpoints(claim),
  }
}

function fetchAnswer(errorCode: number, response: FetchResponse): ResponseInputOf<'Fetch'> {
  const { diverging, snapshotId, records } = response
  const partition = {
    partitionIndex: METADATA_PARTITION,
    errorCode,
    highWatermark: response.highWatermark,
    lastStableOffset: response.highWatermark,
    logStartOffset: response.logStartOffset,
    divergingEpoch: {
      epoch: (diverging?.epoch ?? NO_LEADER_EPOCH) as LeaderEpoch,
      endOffset: diverging?.endOffset ?? NO_OFFSET,
    },
    currentLeader: { leaderId: response.leaderId, leaderEpoch: response.epoch as LeaderEpoch },
    snapshotId: {
      endOffset: snapshotId?.endOffset ?? NO_OFFSET,
      epoch: (snapshotId?.epoch ?? NO_LEADER_EPOCH) as LeaderEpoch,
    },
    records: records === null ? NO_BYTES : bytesOf(records),
  }
  return {
    responses: [{ topic: METADATA_TOPIC, topicId: METADATA_TOPIC_ID, partitions: [partition] }],
    nodeEndpoints: nodeEndpoints(response),
  }
}

function snapshotAnswer(
  errorCode: number,
  response: FetchSnapshotResponse,
): ResponseInputOf<'FetchSnapshot'> {
  const { snapshotId, sizeBytes, position, data } = response
  const partition = {
    index: METADATA_PARTITION,
    errorCode,
    snapshotId: { endOffset: snapshotId.endOffset, epoch: snapshotId.epoch as LeaderEpoch },
    currentLeader: { leaderId: response.leaderId, leaderEpoch: response.epoch as LeaderEpoch },
    size: sizeBytes,
    position,
    unalignedRecords: (data as Buffer | null) ?? NO_BYTES,
  }
  return {
    topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
    nodeEndpoints: nodeEndpoints(response),
  }
}

function updateVoterAnswer(
  errorCode: number,
  { leaderId, epoch, leaderEndpoint }: ChangeVotersResponse,
): ResponseInputOf<'UpdateRaftVoter'> {
  const { host, port } = leaderEndpoint ?? { host: '', port: 0 }
  return { errorCode, currentLeader: { leaderId, leaderEpoch: epoch as LeaderEpoch, host, port } }
}

function nodeEndpoints({ leaderId, leaderEndpoint }: LeadershipClaim) {
  return leaderEndpoint === null ? [] : [{ nodeId: leaderId, ...leaderEndpoint }]
}

/* ------------------------------------------------------------ from the wire */

/** No answer of the core at the other end: it is of another cluster, or speaks something else. */
export interface RefusedResponse {
  readonly kind: 'refused'
  readonly errorCode: number
}

type Decoded<R> = R | RefusedResponse | BadRecords | null
type Decoders = {
  readonly [N in RaftApi]: (body: ResponseOf<N>, request: RequestOfApi<N>) => Decoded<RaftResponse>
}

const decoders: Decoders = {
  Vote: ({ topics, nodeEndpoints: endpoints }) => {
    const partition = partitionOf(topics)
    const claim = partition === null ? null : claimOf(partition, endpoints)
    const error = partition === null ? null : errorOf(partition.errorCode)
    if (partition === null || claim === null || error === null) return null
    const { voteGranted: granted, voterDirectoryId } = partition
    return { kind: 'vote', error, granted, voterDirectoryId, ...claim }
  },
  BeginQuorumEpoch: ({ topics, nodeEndpoints: endpoints }) => {
    const partition = partitionOf(topics)
    const error = partition === null ? null : errorOf(partition.errorCode)
    if (partition === null || error === null) return null
    return { kind: 'begin-quorum-epoch', error, ...claimOf(partition, endpoints) }
  },
  EndQuorumEpoch: ({ topics, nodeEndpoints: endpoints }) => {
    const partition = partitionOf(topics)
    const error = partition === null ? null : errorOf(partition.errorCode)
    if (partition === null || error === null) return null
    return { kind: 'end-quorum-epoch', error, ...claimOf(partition, endpoints) }
  },
  Fetch: (body, { fetchOffset }) => {
    const partition = body.responses[0]?.partitions[0]
    const error = partition === undefined ? null : errorOf(partition.errorCode)
    if (partition === undefined || error === null) return null
    const { divergingEpoch, snapshotId, records, highWatermark, logStartOffset, currentLeader } = partition
    const fetched = readFetchedRecords(records ?? NO_BYTES, fetchOffset)
    if (fetched !== null && 'reason' in fetched) return fetched
    return {
      kind: 'fetch',
      error,
      highWatermark,
      logStartOffset,
      diverging: divergingEpoch.epoch < 0 ? null : { ...divergingEpoch },
      snapshotId: snapshotId.endOffset < 0 || snapshotId.epoch < 0 ? null : { ...snapshotId },
      records: fetched,
      ...claimOf(currentLeader, body.nodeEndpoints),
    }
  },
  FetchSnapshot: (body, request) => {
    const partition = body.topics[0]?.partitions[0]
    const error = partition === undefined ? null : errorOf(partition.errorCode)
    if (partition === undefined || error === null) return null
    return snapshotChunk(partition, error, request, claimOf(partition.currentLeader, body.nodeEndpoints))
  },
  AddRaftVoter: ({ errorCode, errorMessage: message }) => votersChanged('add-voter', errorCode, message),
  RemoveRaftVoter: ({ errorCode, errorMessage: message }) =>
    votersChanged('remove-voter', errorCode, message),
  UpdateRaftVoter: ({ errorCode, currentLeader }) => {
    const error = errorOf(errorCode)
    if (error === null) return null
    const { host, port } = currentLeader
    const endpoints = host === '' ? [] : [{ nodeId: currentLeader.leaderId, host, port }]
    return { kind: 'update-voter', error, message: null, ...claimOf(currentLeader, endpoints) }
  },
}

/** @returns null for a body that answers nothing that was asked */
export function fromWireResponse(
  request: RaftRequest,
  body: ResponseOf<RaftApi>,
): RaftResponse | RefusedResponse | BadRecords | null {
  const isEmpty =
    'topics' in body ? body.topics.length === 0 : 'responses' in body && body.responses.length === 0
  if (isEmpty && body.errorCode !== 0) return { kind: 'refused', errorCode: body.errorCode }
  if (body.errorCode === ErrorCode.INCONSISTENT_CLUSTER_ID)
    return { kind: 'refused', errorCode: body.errorCode }
  const decode = decoders[raftApis[request.kind]] as (
    body: ResponseOf<RaftApi>,
    request: RaftRequest,
  ) => Decoded<RaftResponse>
  return decode(body, request)
}

function snapshotChunk(
  partition: ResponseOf<'FetchSnapshot'>['topics'][number]['partitions'][number],
  error: RaftError,
  request: FetchSnapshotRequest,
  claim: LeadershipClaim,
): FetchSnapshotResponse | null {
  const { size: sizeBytes, position, unalignedRecords, snapshotId } = partition
  const { endOffset, epoch } = request.snapshotId
  const isAsked =
    snapshotId.endOffset === endOffset && snapshotId.epoch === epoch && position === request.position
  const fits = unalignedRecords.length > 0 && position + unalignedRecords.length <= sizeBytes
  if (error === 'NONE' && !(isAsked && fits)) return null
  return {
    kind: 'fetch-snapshot',
    error,
    snapshotId: request.snapshotId,
    sizeBytes,
    position,
    bytes: unalignedRecords.length,
    data: unalignedRecords,
    ...claim,
  }
}

/** The answers of these two say nothing about the leader. */
function votersChanged(
  kind: 'add-voter' | 'remove-voter',
  errorCode: number,
  message: string | null,
): ChangeVotersResponse | null {
  const error = errorOf(errorCode)
  return error === null ? null : { kind, error, message, ...UNKNOWN_LEADERSHIP }
}

function claimOf(
  { leaderId, leaderEpoch }: { readonly leaderId: NodeId; readonly leaderEpoch: LeaderEpoch },
  endpoints: readonly { readonly nodeId: NodeId; readonly host: string; readonly port: number }[],
): LeadershipClaim {
  const endpoint = endpoints.find(({ nodeId }) => nodeId === leaderId)
  const leaderEndpoint = endpoint === undefined ? null : { host: endpoint.host, port: endpoint.port }
  return { epoch: leaderEpoch, leaderId, leaderEndpoint }
}

const RAFT_ERRORS: ReadonlySet<string> = new Set<RaftError>([
  'NONE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'INVALID_VOTER_KEY',
  'INVALID_REQUEST',
  'SNAPSHOT_NOT_FOUND',
  'POSITION_OUT_OF_RANGE',
  'VOTER_NOT_FOUND',
  'DUPLICATE_VOTER',
  'REQUEST_TIMED_OUT',
])

/** @returns null for an error that a replica never answers with */
function errorOf(errorCode: number): RaftError | null {
  const { name } = errorInfo(errorCode)
  return RAFT_ERRORS.has(name) ? (name as RaftError) : null
}

function partitionOf<Partition>(
  topics: readonly { readonly partitions: readonly Partition[] }[],
): Partition | null {
  return topics[0]?.partitions[0] ?? null
}
