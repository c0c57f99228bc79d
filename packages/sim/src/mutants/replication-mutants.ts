/** Bugs of partitions' replication, by the trap that they bring back. */
import type { Mutant } from '../mutant/mutant.ts'

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
]
