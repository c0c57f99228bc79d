/**
 * What a log remembers of one producer (KIP-98): its epoch and the last batches that it appended. Entries are plain
 * data that never changes: to take a batch back, the former entry is put in its place.
 */
import { NO_OFFSET } from '@millrace/base'
import type { Offset, TimestampMs } from '@millrace/base'
import { addToSequence, NO_SEQUENCE, subtractFromSequence } from '@millrace/record'
import type { RecordBatchView } from '@millrace/record'

export interface ProducerBatchMetadata {
  readonly lastSequence: number
  readonly lastOffset: Offset
  /** Records of the batch, less one. */
  readonly offsetDelta: number
  /** Largest of its records. */
  readonly timestamp: TimestampMs
}

export interface ProducerEntry {
  readonly producerId: number
  /** −1: never had one. */
  readonly producerEpoch: number
  /** Of this epoch, the oldest first; at most `BATCHES_KEPT`. */
  readonly batches: readonly ProducerBatchMetadata[]
  /** Largest timestamp of the last batch, a marker included. */
  readonly lastTimestamp: TimestampMs
  /** Of the last transaction marker that a snapshot knew of; −1: none. */
  readonly coordinatorEpoch: number
  /** Where the open transaction began; −1: none is open. */
  readonly currentTxnFirstOffset: Offset
  /** Of the last append, by this process's monotonic clock; −1: before this process, which begins to count then. */
  readonly lastSeenMs: number
}

/** What a retry may still be: a producer has at most five requests in flight (Kafka's number). */
const BATCHES_KEPT = 5

export function baseSequenceOf({ lastSequence, offsetDelta }: ProducerBatchMetadata): number {
  return subtractFromSequence(lastSequence, offsetDelta)
}

export function baseOffsetOf({ lastOffset, offsetDelta }: ProducerBatchMetadata): Offset {
  return (lastOffset - offsetDelta) as Offset
}

export function lastSequenceOf(batch: RecordBatchView): number {
  return batch.baseSequence < 0 ? NO_SEQUENCE : addToSequence(batch.baseSequence, batch.lastOffsetDelta)
}

/** The entry after a batch that is in the log: whatever it is, the log is right. */
export function entryAfter(
  entry: ProducerEntry | undefined,
  batch: RecordBatchView,
  lastSeenMs: number,
): ProducerEntry {
  const { producerId, producerEpoch, maxTimestamp, isControl } = batch
  const kept = entry?.producerEpoch === producerEpoch ? entry.batches : []
  const firstOffset = entry?.currentTxnFirstOffset ?? NO_OFFSET
  const beginsTxn = batch.isTransactional && firstOffset === NO_OFFSET
  return {
    producerId,
    producerEpoch,
    batches: isControl ? kept : withBatch(kept, batch),
    lastTimestamp: maxTimestamp,
    coordinatorEpoch: entry?.coordinatorEpoch ?? -1,
    currentTxnFirstOffset: isControl ? NO_OFFSET : beginsTxn ? batch.baseOffset : firstOffset,
    lastSeenMs,
  }
}

function withBatch(
  kept: readonly ProducerBatchMetadata[],
  batch: RecordBatchView,
): readonly ProducerBatchMetadata[] {
  const { lastOffset, lastOffsetDelta, maxTimestamp } = batch
  const metadata = {
    lastSequence: lastSequenceOf(batch),
    lastOffset,
    offsetDelta: lastOffsetDelta,
    timestamp: maxTimestamp,
  }
  return kept.length < BATCHES_KEPT ? [...kept, metadata] : [...kept.slice(1), metadata]
}
