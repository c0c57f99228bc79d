/**
 * The records of one batch, for those who need them: clients and dumps.
 *
 * Records are lazy: a `RecordView` holds positions, and its getters make keys, values and headers when asked. They are
 * views of the batch's bytes (or of what was decompressed), valid as long as those bytes are not reused.
 */
import type { Offset, TimestampMs } from '@millrace/base'
import { VarintReader } from '@millrace/base'
import type { BatchError } from './batch-error.ts'
import { isBatchError } from './batch-error.ts'
import { checkBatch } from './batch-check.ts'
import { CompressionType } from './compression-type.ts'
import { decompress } from './compression.ts'
import { RECORD_BATCH_HEADER_BYTES, RecordBatchView } from './record-batch-view.ts'
import { RecordCursor } from './record-cursor.ts'

export interface ReadOptions {
  /** Where the batch starts in the bytes; 0 when left out. */
  readonly position?: number
  /** Decompressed records beyond this are refused as `too-large`. */
  readonly maxDecompressedBytes: number
  /** The stored checksum is compared unless this says false. */
  readonly checkCrc?: boolean
}

export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** What all records of a batch share. */
interface BatchContext {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** The time of all records, where the broker gave it; null: each has its own. */
  readonly logAppendTime: number | null
}

/** The checksum is right, but a record is not: whoever produced it is to blame. */
export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError'
  readonly batchError: BatchError
  constructor(batchError: BatchError) {
    super(batchError.message)
    this.batchError = batchError
  }
}

/** @returns a reader of the v2 batch at `position`, or why the batch was refused */
export function readRecords(bytes: Buffer, options: ReadOptions): RecordReader | BatchError {
  const position = options.position ?? 0
  const error = checkBatch(bytes, position, bytes.length, options.checkCrc ?? true)
  if (error !== null) return error
  const batch = new RecordBatchView(bytes, position)
  const cursor = openRecords(batch, options.maxDecompressedBytes)
  return isBatchError(cursor) ? cursor : new RecordReader(batch, cursor)
}

/** A cursor over the batch's records, decompressed where they are compressed. The header was checked before. */
export function openRecords(batch: RecordBatchView, maxDecompressedBytes: number): RecordCursor | BatchError {
  const { bytes, end, recordCount, lastOffsetDelta } = batch
  const start = batch.position + RECORD_BATCH_HEADER_BYTES
  if (batch.compression === CompressionType.none) {
    return new RecordCursor(bytes, { start, end, recordCount, lastOffsetDelta })
  }
  const records = decompress(batch.compression, bytes.subarray(start, end), maxDecompressedBytes)
  if (isBatchError(records)) return records
  return new RecordCursor(records, { start: 0, end: records.length, recordCount, lastOffsetDelta })
}

/**
 * Goes through the records once, in order: either `read` until null, or `for … of`. Control batches yield their
 * markers like records: look at `batch.isControl` first.
 */
export class RecordReader implements Iterable<RecordView> {
  /** The batch's header. */
  readonly batch: RecordBatchView
  readonly #context: BatchContext
  readonly #cursor: RecordCursor

  constructor(batch: RecordBatchView, cursor: RecordCursor) {
    this.batch = batch
    this.#cursor = cursor
    this.#context = {
      bytes: cursor.bytes,
      baseOffset: batch.baseOffset,
      baseTimestamp: batch.baseTimestamp,
      logAppendTime: batch.timestampType === 'LogAppendTime' ? batch.maxTimestamp : null,
    }
  }

  /**
   * @returns the next record, or null behind the last
   * @throws CorruptRecordError where the bytes are no record; those before it were
   */
  read(): RecordView | null {
    const cursor = this.#cursor
    if (cursor.next()) return new RecordView(this.#context, cursor)
    if (cursor.error !== null) throw new CorruptRecordError(cursor.error)
    return null
  }

  /** @throws CorruptRecordError, as `read` */
  [Symbol.iterator](): Iterator<RecordView, undefined> {
    return {
      next: () => {
        const value = this.read()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
    }
  }
}

/** One record. Getters that return bytes make a new view at each call. */
export class RecordView {
  readonly #context: BatchContext
  readonly #offsetDelta: number
  readonly #timestampDelta: number
  readonly #keyStart: number
  readonly #keyLength: number
  readonly #valueStart: number
  readonly #valueLength: number
  readonly #headersStart: number
  readonly #headerCount: number

  constructor(context: BatchContext, cursor: RecordCursor) {
    this.#context = context
    this.#offsetDelta = cursor.offsetDelta
    this.#timestampDelta = cursor.timestampDelta
    this.#keyStart = cursor.keyStart
    this.#keyLength = cursor.keyLength
    this.#valueStart = cursor.valueStart
    this.#valueLength = cursor.valueLength
    this.#headersStart = cursor.headersStart
    this.#headerCount = cursor.headerCount
  }

  get offset(): Offset {
    return (this.#context.baseOffset + this.#offsetDelta) as Offset
  }

  /** The producer's time, or the broker's where the batch says LogAppendTime. */
  get timestamp(): TimestampMs {
    const { logAppendTime, baseTimestamp } = this.#context
    return (logAppendTime ?? baseTimestamp + this.#timestampDelta) as TimestampMs
  }

  get key(): Uint8Array | null {
    return viewOf(this.#context.bytes, this.#keyStart, this.#keyLength)
  }

  get value(): Uint8Array | null {
    return viewOf(this.#context.bytes, this.#valueStart, this.#valueLength)
  }

  /** The key as UTF-8, without making a view of it first. */
  keyText(): string | null {
    return textOf(this.#context.bytes, this.#keyStart, this.#keyLength)
  }

  /** The value as UTF-8, without making a view of it first. */
  valueText(): string | null {
    return textOf(this.#context.bytes, this.#valueStart, this.#valueLength)
  }

  get headerCount(): number {
    return this.#headerCount
  }

  /** In the producer's order; keys may repeat. */
  get headers(): RecordHeader[] {
    const { bytes } = this.#context
    const headers: RecordHeader[] = []
    const reader = new VarintReader(bytes, this.#headersStart)
    for (let left = this.#headerCount; left > 0; left--) {
      const keyLength = reader.readVarint()
      const key = bytes.toString('utf8', reader.position, reader.position + keyLength)
      reader.position += keyLength
      const valueLength = reader.readVarint()
      headers.push({ key, value: viewOf(bytes, reader.position, valueLength) })
      if (valueLength > 0) reader.position += valueLength
    }
    return headers
  }
}

/** `new Uint8Array` costs half of what `subarray` does. */
function viewOf(bytes: Buffer, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}

function textOf(bytes: Buffer, start: number, length: number): string | null {
  return length < 0 ? null : bytes.toString('utf8', start, start + length)
}
