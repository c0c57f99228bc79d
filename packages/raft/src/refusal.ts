/** Answers that say no; each tells what is known of the leadership, so that whoever asks finds the right one. */
import { NO_OFFSET } from '@millrace/base'
import type { SnapshotId } from './log-summary.ts'
import type {
  ChangeVotersResponse,
  FetchResponse,
  FetchSnapshotResponse,
  LeadershipClaim,
  RaftError,
  RaftRequest,
  RaftResponse,
} from './message.ts'
import type { ReplicaKey } from './replica-key.ts'

export function fetchRefusal(error: RaftError, claim: LeadershipClaim): FetchResponse {
  return {
    kind: 'fetch',
    ...claim,
    error,
    highWatermark: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    diverging: null,
    snapshotId: null,
    records: null,
  }
}

export function snapshotRefusal(
  error: RaftError,
  claim: LeadershipClaim,
  snapshotId: SnapshotId,
): FetchSnapshotResponse {
  return {
    kind: 'fetch-snapshot',
    ...claim,
    error,
    snapshotId,
    sizeBytes: 0,
    position: 0,
    bytes: 0,
    data: null,
  }
}

export function changeAnswer(
  kind: ChangeVotersResponse['kind'],
  error: RaftError,
  claim: LeadershipClaim,
  message: string | null,
): ChangeVotersResponse {
  return { kind, ...claim, error, message }
}

/** @param self whose disk it is that a vote is asked of */
export function refusal(
  request: RaftRequest,
  error: RaftError,
  claim: LeadershipClaim,
  self: ReplicaKey,
): RaftResponse {
  switch (request.kind) {
    case 'vote':
      return { kind: 'vote', ...claim, error, granted: false, voterDirectoryId: self.directoryId }
    case 'begin-quorum-epoch':
    case 'end-quorum-epoch':
      return { kind: request.kind, ...claim, error }
    case 'fetch':
      return fetchRefusal(error, claim)
    case 'fetch-snapshot':
      return snapshotRefusal(error, claim, request.snapshotId)
    case 'add-voter':
    case 'remove-voter':
    case 'update-voter':
      return changeAnswer(request.kind, error, claim, null)
  }
}
