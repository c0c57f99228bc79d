/** The APIs by which replicas of the metadata log, and those who look after them, talk to this one. */
import type { RequestContext } from '@millrace/net'
import type { Handler, RequestOf } from '@millrace/protocol'
import type { RaftRequest } from '@millrace/raft'
import type { InboundRequests } from './inbound-requests.ts'
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
} from './wire-request.ts'

export type QuorumApi = RaftApi | 'DescribeQuorum'
export type QuorumHandlers = { readonly [N in QuorumApi]: Handler<N, RequestContext> }

export interface QuorumHandlersOptions {
  readonly inbound: InboundRequests
  /** For RemoveRaftVoter, which says none. */
  readonly requestTimeoutMs: number
  readonly describe: QuorumHandlers['DescribeQuorum']
}

export function quorumHandlers({
  inbound,
  requestTimeoutMs,
  describe,
}: QuorumHandlersOptions): QuorumHandlers {
  const asking =
    <N extends RaftApi>(
      api: N,
      translate: (request: RequestOf<N>) => RaftRequest | null,
    ): Handler<N, RequestContext> =>
    (request, context) => {
      const { clusterId } = request as { readonly clusterId: string | null }
      return inbound.ask(api, clusterId, translate(request), context)
    }
  return {
    Vote: asking('Vote', fromVoteRequest),
    BeginQuorumEpoch: asking('BeginQuorumEpoch', fromBeginQuorumEpochRequest),
    EndQuorumEpoch: asking('EndQuorumEpoch', fromEndQuorumEpochRequest),
    Fetch: asking('Fetch', fromFetchRequest),
    FetchSnapshot: asking('FetchSnapshot', fromFetchSnapshotRequest),
    AddRaftVoter: asking('AddRaftVoter', fromAddRaftVoterRequest),
    RemoveRaftVoter: asking('RemoveRaftVoter', (request) =>
      fromRemoveRaftVoterRequest(request, requestTimeoutMs),
    ),
    UpdateRaftVoter: asking('UpdateRaftVoter', fromUpdateRaftVoterRequest),
    DescribeQuorum: describe,
  }
}
