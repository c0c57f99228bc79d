/**
 * The producers of one log, and whether a batch of theirs may follow: what makes a producer that sends again store each
 * batch once and in order (KIP-98, KIP-360).
 *
 * Owns: an entry per producer id, counting what is staged. Must not know: files, segments, who leads.
 * Invariant: the entries are what the log's batches say, in order, up to its end; a producer that appended nothing for
 * `expirationMs` is forgotten.
 */
import type { Offset, TimestampMs } from '@millrace/base'
import { followsSequence, RecordBatchView } from '@millrace/record'
import { baseOffsetOf, baseSequenceOf, entryAfter, lastSequenceOf } from './producer-entry.ts'
import type { ProducerBatchMetadata, ProducerEntry } from './producer-entry.ts'

/** Why a batch must not be appended; each is one of Kafka's error codes. */
export type ProducerRefusal =
  /** OUT_OF_ORDER_SEQUENCE_NUMBER: batches before it are missing, or it came too long ago to be known. */
  | 'out-of-order-sequence'
  /** INVALID_PRODUCER_EPOCH: another process has the producer id by now. */
  | 'invalid-producer-epoch'
  /** UNKNOWN_PRODUCER_ID: nothing of this producer is known, and the batch is not its first. */
  | 'unknown-producer-id'

export type ProducerVerdict =
  /** To be appended. Also for batches without producer id. */
  | { readonly kind: 'append' }
  /** It is in the log already, perhaps staged, perhaps not committed. */
  | {
      readonly kind: 'duplicate'
      readonly baseOffset: Offset
      readonly lastOffset: Offset
      readonly timestamp: TimestampMs
    }
  | { readonly kind: 'refused'; readonly refusal: ProducerRefusal; readonly message: string }

/** `producer.id.expiration.ms` */
export const PRODUCER_ID_EXPIRATION_MS = 86_400_000

const APPEND: ProducerVerdict = { kind: 'append' }
const NO_BYTES = Buffer.alloc(0)

interface Undo {
  readonly producerId: number
  readonly entry: ProducerEntry | undefined
}

export class ProducerTable {
  readonly #expirationMs: number
  #entries = new Map<number, ProducerEntry>()
  /** What to put back when the staged batches are not written, the last first. */
  readonly #undo: Undo[] = []
  readonly #view = new RecordBatchView(NO_BYTES)

  constructor(entries: readonly ProducerEntry[], { expirationMs }: { readonly expirationMs: number }) {
    this.#expirationMs = expirationMs
    this.#entries = new Map(entries.map((entry) => [entry.producerId, entry]))
  }

  get entries(): readonly ProducerEntry[] {
    return [...this.#entries.values()]
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Whether a leader may append these batches, validated before. Changes nothing.
   *
   * Kafka's rules, and one of Kafka before 2.5: a producer that nothing is known of begins at sequence 0. Otherwise the
   * second of two requests in flight could be stored while the first was refused.
   */
  check(batches: Buffer): ProducerVerdict {
    const view = this.#view
    // Kafka allows one batch per request; several follow each other.
    let ahead: Map<number, ProducerEntry> | null = null
    try {
      for (let position = 0; position < batches.length; position = view.end) {
        if (view.at(batches, position).producerId < 0) continue
        const { producerId } = view
        const entry = ahead?.get(producerId) ?? this.#entries.get(producerId)
        const verdict = checkBatch(entry, view)
        if (verdict !== APPEND) return verdict
        if (view.end < batches.length) (ahead ??= new Map()).set(producerId, entryAfter(entry, view, 0))
      }
      return APPEND
    } finally {
      view.at(NO_BYTES, 0)
    }
  }

  /** A batch with a producer id was staged at its offset. */
  stage(batch: RecordBatchView, nowMs: number): void {
    const { producerId } = batch
    const entry = this.#entries.get(producerId)
    this.#undo.push({ producerId, entry })
    this.#entries.set(producerId, entryAfter(entry, batch, nowMs))
  }

  /** What was staged is in the log's file. */
  onWritten(): void {
    this.#undo.length = 0
  }

  /** What was staged will not be written. */
  rollBack(): void {
    for (const { producerId, entry } of this.#undo.reverse()) {
      if (entry === undefined) this.#entries.delete(producerId)
      else this.#entries.set(producerId, entry)
    }
    this.#undo.length = 0
  }

  /** The log was cut: this is what is left. */
  replaceAll(entries: readonly ProducerEntry[]): void {
    this.#undo.length = 0
    this.#entries = new Map(entries.map((entry) => [entry.producerId, entry]))
  }

  /** Forgets producers that appended nothing for too long and have no open transaction. */
  expire(nowMs: number): void {
    for (const { producerId, lastSeenMs, currentTxnFirstOffset } of this.#entries.values()) {
      const isIdle = nowMs - lastSeenMs >= this.#expirationMs
      if (isIdle && currentTxnFirstOffset < 0) this.#entries.delete(producerId)
    }
  }
}

function checkBatch(entry: ProducerEntry | undefined, batch: RecordBatchView): ProducerVerdict {
  // Markers are the coordinator's, and have no sequence.
  if (batch.isControl) return APPEND
  const { producerEpoch, baseSequence } = batch
  if (entry === undefined) {
    return baseSequence === 0 ? APPEND : refuse('unknown-producer-id', 'nothing of it is known', batch)
  }
  if (producerEpoch < entry.producerEpoch)
    return refuse('invalid-producer-epoch', `epoch ${entry.producerEpoch} has appended since`, batch)
  if (producerEpoch > entry.producerEpoch || entry.batches.length === 0) {
    if (baseSequence === 0) return APPEND
    return refuse('out-of-order-sequence', 'a new epoch begins at sequence 0', batch)
  }
  const duplicate = entry.batches.find((known) => isSame(known, batch))
  if (duplicate !== undefined) {
    const { lastOffset, timestamp } = duplicate
    return { kind: 'duplicate', baseOffset: baseOffsetOf(duplicate), lastOffset, timestamp }
  }
  const { lastSequence } = entry.batches.at(-1)!
  if (followsSequence(lastSequence, baseSequence)) return APPEND
  return refuse('out-of-order-sequence', `its last sequence here is ${lastSequence}`, batch)
}

function isSame(known: ProducerBatchMetadata, batch: RecordBatchView): boolean {
  return baseSequenceOf(known) === batch.baseSequence && known.lastSequence === lastSequenceOf(batch)
}

function refuse(
  refusal: ProducerRefusal,
  reason: string,
  { producerId, producerEpoch, baseSequence }: RecordBatchView,
): ProducerVerdict {
  const message = `sequence ${baseSequence} of producer ${producerId}, epoch ${producerEpoch}: ${reason}`
  return { kind: 'refused', refusal, message }
}
