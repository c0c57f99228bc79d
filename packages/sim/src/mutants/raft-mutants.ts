/** Bugs of the quorum's core, by the trap that they bring back. */
import type { Mutant } from '../mutant/mutant.ts'

const RAFT = 'packages/raft/src'

export const raftMutants: readonly Mutant[] = [
  {
    id: 'vote-told-before-durable',
    trap: 1,
    title: 'A vote is told before it is on disk',
    edits: [
      {
        file: `${RAFT}/replica.ts`,
        find: "this.#effects.push({ kind: 'respond', id, response, after: this.#voteOp })",
        replace: "this.#effects.push({ kind: 'respond', id, response, after: null })",
      },
    ],
  },
  {
    id: 'second-vote',
    trap: 1,
    title: 'A second candidate of an epoch gets a vote, too',
    edits: [
      {
        file: `${RAFT}/quorum.ts`,
        find: 'return voted.id === candidate.id && voted.directoryId === candidate.directoryId',
        replace: 'return true',
      },
    ],
  },
  {
    id: 'refusals-counted',
    trap: 2,
    title: 'Answers to a vote request are counted, whatever they say',
    edits: [
      {
        file: `${RAFT}/roles/candidate.ts`,
        find: "response?.kind === 'vote' && response.granted && response.epoch === replica.epoch",
        replace: "response?.kind === 'vote'",
      },
    ],
  },
  {
    id: 'votes-counted-twice',
    trap: 2,
    title: 'A vote that arrives twice counts twice',
    edits: [
      {
        file: `${RAFT}/vote-tally.ts`,
        find: 'return this.#granted.size >= this.#needed',
        replace: 'return this.#grants >= this.#needed',
      },
      {
        file: `${RAFT}/vote-tally.ts`,
        find: 'readonly #refused = new Set<NodeId>()',
        replace: 'readonly #refused = new Set<NodeId>()\n  #grants = 0',
      },
      {
        file: `${RAFT}/vote-tally.ts`,
        find: 'this.#granted.set(id, directoryId)\n',
        replace: '{\n      this.#granted.set(id, directoryId)\n      this.#grants += 1\n    }\n',
      },
      {
        file: `${RAFT}/roles/candidate.ts`,
        find: 'this.#asked.delete(sendId)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'half-is-a-majority',
    trap: 2,
    title: 'Half of the voters are taken for a majority',
    edits: [
      {
        file: `${RAFT}/voter-set.ts`,
        find: 'return Math.floor(this.#byId.size / 2) + 1',
        replace: 'return Math.max(1, Math.floor(this.#byId.size / 2))',
      },
    ],
  },
  {
    id: 'stale-flush',
    trap: 3,
    title:
      'A flush of the log before its truncation counts for the log after it, and fetches do not wait for the disk',
    edits: [
      {
        file: `${RAFT}/replica-log.ts`,
        find: 'if (generation !== this.#generation) return false\n    assert(',
        replace: 'endOffset = Math.min(endOffset, this.#logEndOffset) as Offset\n    assert(',
      },
      {
        file: `${RAFT}/roles/follower.ts`,
        find: 'if (!log.isFlushed) return\n',
        replace: 'if (!log.isFlushed && this.#hasFetched) return\n',
      },
      {
        file: `${RAFT}/replica.ts`,
        find: 'fetchOffset: log.flushedEndOffset,\n      lastFetchedEpoch: log.epochBefore(log.flushedEndOffset)',
        replace: 'fetchOffset: log.logEndOffset,\n      lastFetchedEpoch: log.epochBefore(log.logEndOffset)',
      },
    ],
  },
  {
    id: 'commits-older-epoch',
    trap: 4,
    title: 'The high watermark moves on records of an older epoch',
    edits: [
      {
        file: `${RAFT}/roles/leader.ts`,
        find: 'if (offset <= this.epochStartOffset || !this.replica.advanceHighWatermark(offset)) return',
        replace: 'if (!this.replica.advanceHighWatermark(offset)) return',
      },
    ],
  },
  {
    id: 'isolated-leader-stays',
    trap: 5,
    title: 'A leader that has lost its majority goes on leading',
    edits: [
      {
        file: `${RAFT}/roles/leader.ts`,
        find: "if (timer === 'check-quorum') this.resign()",
        replace: "if (timer === 'check-quorum') return",
      },
    ],
  },
  {
    id: 'no-pre-vote',
    trap: 6,
    title: 'A voter that was cut off raises the epoch at once',
    edits: [
      {
        file: `${RAFT}/roles/follower.ts`,
        find: 'this.changes.becomeProspective()',
        replace: 'this.changes.becomeCandidate()',
      },
    ],
  },
  {
    id: 'truncates-too-far',
    trap: 7,
    title: 'A follower cuts its log to where its own high watermark was',
    edits: [
      {
        file: `${RAFT}/roles/follower.ts`,
        find: 'const offset = log.truncationOffset(response.diverging)',
        replace: 'const offset = log.logStartOffset',
      },
    ],
  },
  {
    id: 'genesis-by-majority',
    trap: 8,
    title: 'The first election needs a majority only, whose disks nobody knows',
    edits: [
      {
        file: `${RAFT}/vote-tally.ts`,
        find: 'voters.isResolved ? voters.majority : voters.size',
        replace: 'voters.majority',
      },
    ],
  },
  {
    id: 'wiped-voter-votes',
    trap: 8,
    title: 'A voter whose disk was replaced votes under its old id',
    edits: [
      {
        file: `${RAFT}/replica.ts`,
        find: 'return this.canVote && isSameReplica(this.self, voter)',
        replace: 'return this.canVote && this.self.id === voter.id',
      },
      {
        file: `${RAFT}/vote-tally.ts`,
        find: 'voter.directoryId === UNKNOWN_DIRECTORY || voter.directoryId === directoryId',
        replace: 'voter.id === id',
      },
    ],
  },
  {
    id: 'empty-log-forgets-epoch',
    trap: 9,
    title: 'The last epoch of a log that a snapshot emptied is taken for 0',
    edits: [
      {
        file: `${RAFT}/replica-log.ts`,
        find: 'return this.#epochs.at(-1)?.epoch ?? Math.max(this.#startEpoch, 0)',
        replace: 'return this.#epochs.at(-1)?.epoch ?? 0',
      },
    ],
  },
  {
    id: 'change-before-epoch-commit',
    trap: 11,
    title: 'Voters change before the leader has committed in its epoch',
    edits: [
      {
        file: `${RAFT}/voter-changes.ts`,
        find: "if (!isEpochCommitted) return ['REQUEST_TIMED_OUT', 'the leader has not committed a record of its epoch']",
        replace: '',
      },
    ],
  },
  {
    id: 'two-changes-at-once',
    trap: 11,
    title: 'Voters change while an earlier change is not committed',
    edits: [
      {
        file: `${RAFT}/voter-changes.ts`,
        find: 'if (this.#pending !== null || !log.areVotersCommitted) {',
        replace: 'if (this.#pending !== null) {',
      },
    ],
  },
  {
    id: 'observer-is-faithful',
    trap: 13,
    title: 'An observer never gives up its leader',
    edits: [
      {
        file: `${RAFT}/roles/follower.ts`,
        find: '} else {\n      this.changes.becomeUnattached(replica.epoch)\n    }\n  }\n\n  // Membership',
        replace:
          "} else {\n      replica.arm('fetch', replica.config.fetchTimeoutMs)\n      this.#waitToFetchAgain()\n    }\n  }\n\n  // Membership",
      },
    ],
  },
  {
    id: 'log-not-compared',
    trap: 4,
    title: 'A candidate whose log is behind gets votes',
    edits: [
      {
        file: `${RAFT}/replica.ts`,
        find: 'return lastEpoch > log.lastEpoch || (lastEpoch === log.lastEpoch && lastOffset >= log.logEndOffset)',
        replace: 'return lastEpoch >= log.lastEpoch || lastOffset >= log.logEndOffset',
      },
    ],
  },
  {
    id: 'leader-commits-alone',
    trap: 4,
    title: 'The furthest voter is enough to commit',
    edits: [
      {
        file: `${RAFT}/roles/leader.ts`,
        find: 'const offset = ends[voters.majority - 1] ?? NO_OFFSET',
        replace: 'const offset = ends[0] ?? NO_OFFSET',
      },
    ],
  },
]
