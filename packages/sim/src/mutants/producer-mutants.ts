/** Bugs of what makes a producer that sends again store each batch once, in the log, at the broker and in the client. */
import type { Mutant } from '../mutant/mutant.ts'

const PRODUCERS = 'packages/storage/src/producer'
const PARTITION = 'packages/broker/src/partition/partition.ts'
const IDEMPOTENCE = 'packages/producer-client/src/idempotence'

export const producerMutants: readonly Mutant[] = [
  {
    id: 'last-batch-known',
    trap: 42,
    title: 'Only the last batch of a producer is known again, an earlier one is out of order',
    edits: [
      {
        file: `${PRODUCERS}/producer-table.ts`,
        find: 'entry.batches.find((known) => isSame(known, batch))',
        replace: 'entry.batches.slice(-1).find((known) => isSame(known, batch))',
      },
    ],
  },
  {
    id: 'producers-not-replicated',
    trap: 42,
    title: 'A follower does not take down whose batches it stores',
    edits: [
      {
        file: 'packages/storage/src/log-appender.ts',
        find: 'epochs.assign(view.partitionLeaderEpoch, view.baseOffset)\n      this.#add(settings)',
        replace:
          'epochs.assign(view.partitionLeaderEpoch, view.baseOffset)\n      this.#segments.active.add(view, settings.indexIntervalBytes)',
      },
    ],
  },
  {
    id: 'duplicate-without-offset',
    trap: 43,
    title: 'A batch that was stored already is answered without its offset',
    edits: [{ file: PARTITION, find: 'append.baseOffset = baseOffset\n', replace: '' }],
  },
  {
    id: 'duplicate-has-last-offset',
    trap: 43,
    title: 'A batch that was stored already is answered with the offset of its last record',
    edits: [
      {
        file: `${PRODUCERS}/producer-entry.ts`,
        find: 'return (lastOffset - offsetDelta) as Offset',
        replace: 'return (lastOffset - 0 * offsetDelta) as Offset',
      },
    ],
  },
  {
    id: 'producers-dropped-with-segments',
    trap: 43,
    title: 'Producers are forgotten with the segments that retention drops',
    edits: [
      {
        file: `${PRODUCERS}/log-producers.ts`,
        find: 'this.#keepSnapshots((offset) => offset >= firstBaseOffset)',
        replace:
          'this.#keepSnapshots((offset) => offset >= firstBaseOffset)\n    this.table.replaceAll(this.table.entries.filter(({ batches }) => batches.some(({ lastOffset }) => lastOffset >= firstBaseOffset)))',
      },
    ],
  },
  {
    id: 'active-producer-expires',
    trap: 44,
    title: 'A producer is forgotten a day after its first batch, however active it is',
    edits: [
      {
        file: `${PRODUCERS}/producer-entry.ts`,
        find: 'currentTxnFirstOffset: isControl ? NO_OFFSET : beginsTxn ? batch.baseOffset : firstOffset,\n    lastSeenMs,',
        replace:
          'currentTxnFirstOffset: isControl ? NO_OFFSET : beginsTxn ? batch.baseOffset : firstOffset,\n    lastSeenMs: entry?.lastSeenMs ?? lastSeenMs,',
      },
    ],
  },
  {
    id: 'new-epoch-goes-on',
    trap: 44,
    title: 'A producer that was forgotten begins its new epoch at another sequence than 0',
    edits: [
      {
        file: `${IDEMPOTENCE}/partition-sequence.ts`,
        find: 'this.#next = 0\n    this.#hasGap',
        replace: 'this.#hasGap',
      },
    ],
  },
  {
    id: 'sequence-does-not-wrap',
    trap: 44,
    title: 'A leader refuses the sequence 0 that follows the largest one (which is 31 here, to be reached)',
    edits: [
      {
        file: 'packages/record/src/sequence.ts',
        find: 'const SEQUENCE_MAX = 0x7fffffff',
        replace: 'const SEQUENCE_MAX = 31',
      },
      {
        file: 'packages/record/src/sequence.ts',
        find: 'return baseSequence === addToSequence(lastSequence, 1)',
        replace: 'return baseSequence === lastSequence + 1',
      },
    ],
  },
  {
    id: 'producers-not-cut',
    trap: 45,
    title: 'What a log knows of producers is not cut back with it',
    edits: [
      {
        file: `${PRODUCERS}/log-producers.ts`,
        find: 'if (this.#endOffset <= endOffset) return\n',
        replace: 'if (endOffset >= 0) return\n',
      },
    ],
  },
  {
    id: 'producers-on-wall-clock',
    trap: 44,
    title: 'How long a producer has been idle is told by the wall clock',
    edits: [
      {
        file: `${PRODUCERS}/log-producers.ts`,
        find: 'this.table.stage(batch, this.#options.clock.monoMs())',
        replace: 'this.table.stage(batch, this.#options.clock.wallMs())',
      },
      {
        file: `${PRODUCERS}/log-producers.ts`,
        find: 'this.table.expire(this.#options.clock.monoMs())',
        replace: 'this.table.expire(this.#options.clock.wallMs())',
      },
    ],
  },
  {
    id: 'wrap-forgotten',
    trap: 44,
    title: 'Sequences go on behind 2^31 − 1',
    edits: [
      {
        file: 'packages/record/src/sequence.ts',
        find: 'return sequence > SEQUENCE_MAX - increment\n',
        replace: 'return sequence < 0\n',
      },
    ],
  },
  {
    id: 'producer-snapshot-not-synced',
    trap: 45,
    title: 'A snapshot of the producers counts although its bytes were not synced',
    edits: [{ file: `${PRODUCERS}/log-producers.ts`, find: 'flusher.markFile(path)\n', replace: '' }],
  },
  {
    id: 'after-append-is-failure',
    trap: 23,
    title: 'A client takes "not enough replicas after append" for a failure',
    edits: [
      {
        file: 'packages/protocol/src/error-code.ts',
        find: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND: retriable(',
        replace: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND: final(',
      },
    ],
  },
  {
    id: 'producer-ids-before-commit',
    trap: 0,
    title: 'Producer ids are given away before it is committed that they are (barrier: producer-id block)',
    edits: [
      {
        file: 'packages/server/src/controller/active-controller.ts',
        find: "AllocateProducerIds: (request) => this.#decide('AllocateProducerIds', request),",
        replace:
          'AllocateProducerIds: (request) => {\n        if (!this.#mayDecide) return refuseAll.AllocateProducerIds(request, NOT_ACTIVE)\n        const decision = controllerHandlers.AllocateProducerIds(request, this.#context())\n        void this.#append(decision).catch(() => {})\n        return decision.response\n      },',
      },
    ],
  },
]
