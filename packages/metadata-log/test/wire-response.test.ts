/** Requests and answers: what the core says arrives as it was said, through the bytes of the wire. */
import { nodeId, NO_NODE, type NodeId, type Offset, type TimestampMs } from '@millrace/base'
import {
  type ApiName,
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  apis,
  ErrorCode,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '@millrace/protocol'
import { type RaftRequest, type RaftResponse, type Voter, VoterSet } from '@millrace/raft'
import { describe, expect, test } from 'vitest'
import { encodeControlBatch, votersRecord } from '../src/control-batch.ts'
import {
  fromAddRaftVoterRequest,
  fromBeginQuorumEpochRequest,
  fromEndQuorumEpochRequest,
  fromFetchRequest,
  fromFetchSnapshotRequest,
  fromRemoveRaftVoterRequest,
  fromUpdateRaftVoterRequest,
  fromVoteRequest,
  type RaftApi,
  raftApis,
  toWireRequest,
} from '../src/wire-request.ts'
import { fromWireResponse, toWireResponse, wireRefusal } from '../src/wire-response.ts'
import { uuid } from './rig.ts'

const me = { id: nodeId(1), directoryId: uuid(1) }
const peer = { id: nodeId(2), directoryId: uuid(2) }
const voter: Voter = { ...peer, endpoint: { host: 'b.example', port: 9093 } }
const leadership = { epoch: 5, leaderId: nodeId(2), leaderEndpoint: voter.endpoint }
const unknown = { epoch: 5, leaderId: NO_NODE, leaderEndpoint: null }
const snapshotId = { endOffset: 900 as Offset, epoch: 4 }

const requests: RaftRequest[] = [
  {
    kind: 'vote',
    voter: peer,
    candidate: me,
    epoch: 6,
    lastOffset: 40 as Offset,
    lastEpoch: 5,
    preVote: true,
  },
  {
    kind: 'begin-quorum-epoch',
    voter: peer,
    epoch: 6,
    leaderId: me.id,
    leaderEndpoint: { host: 'a', port: 1 },
  },
  { kind: 'end-quorum-epoch', epoch: 6, leaderId: me.id, preferredCandidates: [peer, me] },
  {
    kind: 'fetch',
    replica: me,
    epoch: 5,
    fetchOffset: 40 as Offset,
    lastFetchedEpoch: 4,
    appliedOffset: 38 as Offset,
    maxWaitMs: 500,
    maxBytes: 1000,
  },
  {
    kind: 'fetch',
    replica: me,
    epoch: 5,
    fetchOffset: 0 as Offset,
    lastFetchedEpoch: 0,
    appliedOffset: -1 as Offset,
    maxWaitMs: 0,
    maxBytes: 1000,
  },
  { kind: 'fetch-snapshot', replica: me, epoch: 5, snapshotId, position: 4096, maxBytes: 1000 },
  { kind: 'add-voter', voter, timeoutMs: 2000 },
  { kind: 'remove-voter', voter: peer, timeoutMs: 2000, onlyIfSilent: true },
  { kind: 'update-voter', epoch: 5, voter },
]

const decoders = {
  Vote: fromVoteRequest,
  BeginQuorumEpoch: fromBeginQuorumEpochRequest,
  EndQuorumEpoch: fromEndQuorumEpochRequest,
  Fetch: fromFetchRequest,
  FetchSnapshot: fromFetchSnapshotRequest,
  AddRaftVoter: fromAddRaftVoterRequest,
  RemoveRaftVoter: (request: RequestOf<'RemoveRaftVoter'>) => fromRemoveRaftVoterRequest(request, 2000),
  UpdateRaftVoter: fromUpdateRaftVoterRequest,
} as const

/** As far as the version allows that both sides speak. */
function requestOverWire<N extends RaftApi>(api: N, body: RequestInputOf<N>): RequestOf<N> {
  const version = apis[api].advertised.max
  const chunks = encodeNativeRequest(api, version, { correlationId: 1, clientId: null }, body)
  const decoded = decodeNativeRequest(Buffer.concat(chunks).subarray(4))
  if (decoded.kind !== 'request') throw new Error(JSON.stringify(decoded))
  return decoded.body as RequestOf<N>
}

function responseOverWire<N extends RaftApi>(api: N, body: ResponseInputOf<N>): ResponseOf<N> {
  const version = apis[api].advertised.max
  const chunks = encodeNativeResponse(api, version, 1, body)
  const decoded = decodeNativeResponse(api, version, Buffer.concat(chunks).subarray(4))
  if (decoded.kind !== 'response') throw new Error(decoded.reason)
  return decoded.body
}

describe('requests', () => {
  test.each(requests)('$kind', (request) => {
    const api = raftApis[request.kind]
    const body = requestOverWire(api, toWireRequest(request, 'cluster') as RequestInputOf<RaftApi>)
    expect(body.clusterId).toBe('cluster')
    const decode = decoders[api] as (body: RequestOf<RaftApi>) => RaftRequest | null
    expect(decode(body)).toEqual(request)
  })

  test('about another topic never reach the core', () => {
    const vote = toWireRequest(requests[0]!, 'cluster') as RequestInputOf<'Vote'>
    const topics = vote.topics.map((topic) => ({ ...topic, topicName: 'orders' }))
    expect(fromVoteRequest(requestOverWire('Vote', { ...vote, topics }))).toBeNull()
    expect(fromVoteRequest(requestOverWire('Vote', { ...vote, topics: [] }))).toBeNull()
    const fetch = toWireRequest(requests[3]!, 'cluster') as RequestInputOf<'Fetch'>
    const fetchTopics = fetch.topics.map((topic) => ({ ...topic, topic: 'orders', topicId: uuid(9) }))
    expect(fromFetchRequest(requestOverWire('Fetch', { ...fetch, topics: fetchTopics }))).toBeNull()
    const ofConsumer = { ...fetch, replicaId: -1 as NodeId, replicaState: {} }
    expect(fromFetchRequest(requestOverWire('Fetch', ofConsumer))).toBeNull()
  })
})

const records = encodeControlBatch([votersRecord(new VoterSet([voter]))], 5 as TimestampMs, {
  baseOffset: 40 as Offset,
  partitionLeaderEpoch: 5 as never,
})
const fetched = {
  kind: 'fetch',
  error: 'NONE',
  highWatermark: 41 as Offset,
  logStartOffset: 3 as Offset,
  diverging: null,
  snapshotId: null,
  records: null,
  ...leadership,
} as const

const answers: readonly (readonly [RaftRequest, RaftResponse])[] = [
  [
    requests[0]!,
    { kind: 'vote', error: 'NONE', granted: true, voterDirectoryId: peer.directoryId, ...unknown },
  ],
  [
    requests[0]!,
    {
      kind: 'vote',
      error: 'INVALID_VOTER_KEY',
      granted: false,
      voterDirectoryId: peer.directoryId,
      ...leadership,
    },
  ],
  [requests[1]!, { kind: 'begin-quorum-epoch', error: 'NONE', ...leadership }],
  [requests[2]!, { kind: 'end-quorum-epoch', error: 'FENCED_LEADER_EPOCH', ...leadership }],
  [requests[3]!, fetched],
  [requests[3]!, { ...fetched, error: 'NOT_LEADER_OR_FOLLOWER', ...unknown }],
  [requests[3]!, { ...fetched, diverging: { epoch: 3, endOffset: 22 as Offset } }],
  [requests[3]!, { ...fetched, snapshotId }],
  [
    requests[5]!,
    {
      kind: 'fetch-snapshot',
      error: 'NONE',
      snapshotId,
      sizeBytes: 9000,
      position: 4096,
      bytes: 3,
      data: Buffer.from('abc'),
      ...leadership,
    },
  ],
  [
    requests[6]!,
    {
      kind: 'add-voter',
      error: 'DUPLICATE_VOTER',
      message: 'is one',
      epoch: -1,
      leaderId: NO_NODE,
      leaderEndpoint: null,
    },
  ],
  [
    requests[7]!,
    {
      kind: 'remove-voter',
      error: 'NONE',
      message: null,
      epoch: -1,
      leaderId: NO_NODE,
      leaderEndpoint: null,
    },
  ],
  [requests[8]!, { kind: 'update-voter', error: 'NONE', message: null, ...leadership }],
]

function answerOverWire(request: RaftRequest, response: RaftResponse) {
  const api: ApiName & RaftApi = raftApis[request.kind]
  const body = responseOverWire(api, toWireResponse(response) as ResponseInputOf<RaftApi>)
  return fromWireResponse(request, body)
}

describe('answers', () => {
  test.each(answers)('to $kind', (request, response) => {
    expect(answerOverWire(request, response)).toEqual(response)
  })

  test('records come with what their headers say, and the voters in them', () => {
    const answer = answerOverWire(requests[3]!, { ...fetched, records: { batches: [], data: records } })
    expect(answer).toMatchObject({
      records: {
        batches: [{ baseOffset: 40, lastOffset: 40, epoch: 5, voters: [voter] }],
        data: records,
      },
    })
  })

  test('damaged records, or others than those that were asked for, count as no answer', () => {
    const damaged = Buffer.from(records)
    damaged[80]! ^= 1
    const bad = answerOverWire(requests[3]!, { ...fetched, records: { batches: [], data: damaged } })
    expect(bad).toMatchObject({ kind: 'bad-records', reason: expect.stringContaining('checksum') })
    const cut = { batches: [], data: records.subarray(0, records.length - 1) }
    expect(answerOverWire(requests[3]!, { ...fetched, records: cut })).toMatchObject({ kind: 'bad-records' })
    const whole = { ...fetched, records: { batches: [], data: records } }
    expect(answerOverWire(requests[4]!, whole)).toMatchObject({
      kind: 'bad-records',
      reason: 'offset 40 where 0 was expected',
    })
  })

  test('a refusal, or an answer to nothing, is told from the answers of a replica', () => {
    for (const request of requests) {
      const api = raftApis[request.kind]
      const refusal = responseOverWire(
        api,
        wireRefusal(api, ErrorCode.INCONSISTENT_CLUSTER_ID) as ResponseInputOf<RaftApi>,
      )
      expect(fromWireResponse(request, refusal)).toEqual({
        kind: 'refused',
        errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID,
      })
    }
    expect(fromWireResponse(requests[0]!, responseOverWire('Vote', { topics: [] }))).toBeNull()
    const other = { ...answers[8]![1], position: 0 } as RaftResponse
    expect(answerOverWire(requests[5]!, other)).toBeNull()
  })
})
