/** Bugs of partitions' replication, by the trap that they bring back. */
import type { Mutant } from '../mutant/mutant.ts'

const REPLICA = 'packages/replication/src/partition-replica.ts'
const IN_SYNC = 'packages/replication/src/in-sync-replicas.ts'
const LEADER = 'packages/replication/src/roles/leader.ts'
const FOLLOWER = 'packages/replication/src/roles/follower.ts'

export const replicationMutants: readonly Mutant[] = [
  {
    id: 'acknowledged-before-flush',
    trap: 0,
    title: 'A replica counts what it has written, not what it has synced, under flush.policy=commit',
    edits: [
      {
        file: 'packages/replication/src/replica.ts',
        find: 'return this.isFlushedToAck ? this.log.flushedEndOffset : this.log.logEndOffset',
        replace: 'return this.log.logEndOffset',
      },
    ],
  },
  {
    id: 'follower-acknowledges-early',
    trap: 0,
    title: 'A follower acknowledges what it has not synced, under flush.policy=commit',
    edits: [
      {
        file: FOLLOWER,
        find: 'if (replica.isFlushedToAck && !log.isFlushed) return\n    this.#fetchId',
        replace: 'this.#fetchId',
      },
    ],
  },
  {
    id: 'truncates-to-high-watermark',
    trap: 14,
    title: 'A new follower cuts its log to its own high watermark',
    edits: [
      {
        file: FOLLOWER,
        find: 'const { log } = this.#replica\n    // What was written',
        replace:
          "const { log } = this.#replica\n    if (!log.isCutting && log.highWatermark < log.logEndOffset) this.#truncate(log.highWatermark, 'divergence')\n    // What was written",
      },
    ],
  },
  {
    id: 'divergence-not-compared',
    trap: 15,
    title: 'A leader sends records to a follower whose log has parted from its own',
    edits: [
      {
        file: LEADER,
        find: 'const end = log.divergence(fetch.fetchOffset, fetch.lastFetchedEpoch)',
        replace: 'const end = null as ReturnType<typeof log.divergence>',
      },
    ],
  },
  {
    id: 'fetch-epoch-not-compared',
    trap: 16,
    title: 'A leader counts what a follower of another leader epoch fetches',
    edits: [
      {
        file: REPLICA,
        find: 'const error = this.leaderRefusal(fetch.leaderEpoch)',
        replace: 'const error = this.leaderRefusal(NO_LEADER_EPOCH)',
      },
    ],
  },
  {
    id: 'epoch-start-not-synced',
    trap: 17,
    title: 'Records are acknowledged before the start of their epoch is on disk (barrier: epoch start entry)',
    edits: [
      {
        file: LEADER,
        find: 'if (log.logEndOffset > 0) this.#replica.flush()\n    else this.#isEpochStartFlushed = true',
        replace: 'this.#isEpochStartFlushed = true',
      },
    ],
  },
  {
    id: 'high-watermark-with-truncation',
    trap: 18,
    title: 'A follower raises its high watermark by the answer that has it cut its log',
    edits: [
      {
        file: LEADER,
        find: "{ kind: 'diverging', end, logStartOffset: log.logStartOffset }",
        replace: "{ kind: 'diverging', end, logStartOffset: log.logStartOffset, told: log.highWatermark }",
      },
      {
        file: FOLLOWER,
        find: 'this.#onDiverging(answer.end, answer.logStartOffset)',
        replace:
          'this.#replica.raiseHighWatermark(least(answer.told, this.#replica.acknowledgedEndOffset))\n        this.#onDiverging(answer.end, answer.logStartOffset)',
      },
    ],
  },
  {
    id: 'restart-keeps-high-watermark',
    trap: 18,
    title: 'The high watermark stays where it was when a log begins anew further on',
    edits: [
      {
        file: 'packages/replication/src/replica-log.ts',
        find: 'if (this.#highWatermark < logStartOffset) this.#highWatermark = logStartOffset\n',
        replace: '',
      },
    ],
  },
  {
    id: 'confirmed-isr-only',
    trap: 19,
    title: 'The high watermark does not wait for a replica that is being taken into the ISR',
    edits: [
      {
        file: LEADER,
        find: 'if (this.isr.isMaximal(follower.id) || this.#isAboutToJoin(follower)) end = follower.endOffset',
        replace: 'if (this.isr.isConfirmed(follower.id)) end = follower.endOffset',
      },
    ],
  },
  {
    id: 'joins-behind',
    trap: 20,
    title: 'A replica is taken into the ISR before it has what is committed',
    edits: [
      {
        file: LEADER,
        find: 'return follower.endOffset >= this.#epochStartOffset! && this.#isAboutToJoin(follower)',
        replace: 'return this.#isEligible(follower)',
      },
    ],
  },
  {
    id: 'incomplete-log-leads',
    trap: 22,
    title: 'A replica leads although its log ends before what it knows to be committed',
    edits: [
      {
        file: REPLICA,
        find: "return replicas.length === 1 && !isFlushedToAck ? null : 'incomplete'",
        replace: 'return null',
      },
    ],
  },
  {
    id: 'commits-below-min-isr',
    trap: 23,
    title: 'The high watermark moves while fewer than min.insync.replicas are in sync',
    edits: [
      {
        file: LEADER,
        find: 'if (!this.#isEpochStartFlushed || !this.#hasEnoughReplicas) return',
        replace: 'if (!this.#isEpochStartFlushed) return',
      },
    ],
  },
  {
    id: 'lost-proposal-waited-for',
    trap: 25,
    title: 'A leader goes on waiting for the answer to a change of its ISR that was lost',
    edits: [
      {
        file: LEADER,
        find: 'if (!this.isr.answered(requestId)) return',
        replace: 'if (answer === null || !this.isr.answered(requestId)) return',
      },
    ],
  },
  {
    id: 'old-partition-epoch',
    trap: 25,
    title:
      'A leader learns of the change of its ISR by the answer only, and keeps the old partition epoch without it',
    edits: [
      { file: LEADER, find: 'this.#track()\n    this.#onConfirmed(partition)', replace: 'this.#track()' },
    ],
  },
  {
    id: 'isr-shrinks-before-answer',
    trap: 26,
    title: 'A leader that was paused takes followers out of its ISR by itself, and acknowledges without them',
    edits: [
      {
        file: IN_SYNC,
        find: 'this.#requestId = requestId\n',
        replace:
          'this.#requestId = requestId\n    this.#confirmed = this.#confirmed.filter((id) => isr.includes(id))\n',
      },
    ],
  },
  {
    id: 'acknowledges-on-leaving',
    trap: 27,
    title: 'Appends that wait when a leader loses its leadership are answered as if they were committed',
    edits: [
      {
        file: LEADER,
        find: 'onLeave(error: AckError): void {\n    this.#failAll(error)',
        replace:
          "onLeave(_error: AckError): void {\n    const waits = this.#waits.takeAll()\n    if (waits.length > 0) this.#replica.emit({ kind: 'release', waits })",
      },
    ],
  },
  {
    id: 'follower-state-survives',
    trap: 28,
    title: 'A leader knows a replica that was taken away and given back by what it had before',
    edits: [
      {
        file: REPLICA,
        find: 'new Leader(this.#replica, partition)',
        replace: 'new Leader(this.#replica, partition, this.#former)',
      },
      {
        file: REPLICA,
        find: '#isStopped = false\n',
        replace: '#isStopped = false\n  #former: Leader["followers"] = []\n',
      },
      {
        file: REPLICA,
        find: 'this.#role?.onLeave(error)\n',
        replace: 'this.#former = this.#leader?.followers ?? []\n    this.#role?.onLeave(error)\n',
      },
      {
        file: LEADER,
        find: 'constructor(replica: Replica, partition: PartitionState) {\n',
        replace:
          'constructor(replica: Replica, partition: PartitionState, former: FollowerProgress[]) {\n    this.#followers = former\n',
      },
    ],
  },
]
