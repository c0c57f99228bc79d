/** Effects and messages as lines of a scenario; null for what would only be noise: timers, and fetches with nothing to tell. */
import {
  type FetchResponse,
  type LeaderEntry,
  type LeadershipClaim,
  type RaftEffect,
  type RaftRequest,
  type RaftResponse,
  UNKNOWN_DIRECTORY,
  type VoterSet,
} from '../../src/index.ts'

export function describeEffect(effect: RaftEffect): string | null {
  switch (effect.kind) {
    case 'persist': {
      const { epoch, leaderId, voted } = effect.state
      const vote = voted === null ? '' : `, vote for ${voted.id}`
      return `persist epoch ${epoch}${leaderId === -1 ? '' : `, leader ${leaderId}`}${vote}`
    }
    case 'append':
      return `append ${effect.baseOffset}@${effect.epoch} ${describeEntry(effect.entry)}`
    case 'append-fetched':
      return `append fetched ${effect.records.batches.map(({ baseOffset, epoch }) => `${baseOffset}@${epoch}`).join(' ')}`
    case 'truncate':
      return `truncate to ${effect.offset}`
    case 'write-snapshot-chunk':
      return `write chunk of snapshot ${effect.snapshotId.endOffset}@${effect.snapshotId.epoch} at ${effect.position}`
    case 'install-snapshot':
      return `install snapshot ${effect.snapshotId.endOffset}@${effect.snapshotId.epoch}`
    case 'prune-log':
      return `prune log below ${effect.logStartOffset}`
    case 'high-watermark':
      return `high watermark ${effect.offset}`
    case 'leadership': {
      const { epoch, leaderId } = effect.leadership
      const leader = leaderId === -1 || effect.role === 'leader' ? '' : ` of ${leaderId}`
      return `is ${effect.role}${leader}, epoch ${epoch}`
    }
    case 'voter-is-alive':
      return `voter ${effect.voter.directoryId} is alive`
    case 'arm':
    case 'disarm':
    case 'send':
    case 'respond':
    case 'respond-fetch':
    case 'respond-snapshot':
      return null
  }
}

export function describeRequest(request: RaftRequest): string | null {
  switch (request.kind) {
    case 'vote': {
      const { epoch, lastOffset, lastEpoch } = request
      return `${request.preVote ? 'pre-vote' : 'vote'} epoch ${epoch}, log ends ${lastOffset}@${lastEpoch}?`
    }
    case 'begin-quorum-epoch':
      return `begin epoch ${request.epoch}`
    case 'end-quorum-epoch':
      return `end epoch ${request.epoch}, prefer ${request.preferredCandidates.map(({ id }) => id).join(' ')}`
    case 'fetch-snapshot':
      return `fetch snapshot ${request.snapshotId.endOffset}@${request.snapshotId.epoch} at ${request.position}`
    case 'add-voter':
      return `add voter ${request.voter.directoryId}`
    case 'remove-voter':
      return `remove voter ${request.voter.directoryId}`
    case 'update-voter':
      return `update voter ${request.voter.directoryId}`
    case 'fetch':
      return null
  }
}

export function describeResponse(request: RaftRequest, response: RaftResponse): string | null {
  switch (response.kind) {
    case 'vote': {
      const what = request.kind === 'vote' && request.preVote ? 'pre-vote' : 'vote'
      return `${what} ${response.granted ? 'granted' : 'refused'}${claim(response)}${problem(response.error)}`
    }
    case 'fetch':
      return describeFetch(response)
    case 'fetch-snapshot':
      return response.error === 'NONE' ? null : response.error
    case 'begin-quorum-epoch':
    case 'end-quorum-epoch':
      return response.error === 'NONE' ? null : response.error + claim(response)
    case 'add-voter':
    case 'remove-voter':
    case 'update-voter':
      return `${response.kind} ${response.error}${response.message === null ? '' : ` (${response.message})`}`
  }
}

function describeFetch(response: FetchResponse): string | null {
  if (response.error !== 'NONE') return `fetch ${response.error}${claim(response)}`
  if (response.diverging !== null) {
    return `diverging: epoch ${response.diverging.epoch} ends at ${response.diverging.endOffset}`
  }
  if (response.snapshotId === null) return null
  return `fetch the snapshot ${response.snapshotId.endOffset}@${response.snapshotId.epoch}`
}

function describeEntry(entry: LeaderEntry): string {
  if (entry.kind === 'proposal') return 'proposal'
  if (entry.kind === 'voters') return `voters ${describeVoters(entry.voters)}`
  return `leader-change granted by ${entry.grantingVoterIds.join(' ')}`
}

function describeVoters({ voters }: VoterSet): string {
  return voters
    .map(({ id, directoryId }) => (directoryId === UNKNOWN_DIRECTORY ? `${id}?` : directoryId))
    .join(' ')
}

function claim({ epoch, leaderId }: LeadershipClaim): string {
  return leaderId === -1 ? ` in epoch ${epoch}` : ` in epoch ${epoch} of ${leaderId}`
}

function problem(error: string): string {
  return error === 'NONE' ? '' : `: ${error}`
}
