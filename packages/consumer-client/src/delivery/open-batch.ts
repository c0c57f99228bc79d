/**
 * One batch on its way to the application: hands out its records as messages, without those before the reader's
 * position and those behind its end.
 */
import { CorruptRecordError, readRecords, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import type { RecordReader } from '@millrace/record'
import { CorruptBatchError } from '../errors.ts'
import type { FetchedChunk } from '../fetch/prefetch-queue.ts'
import type { PartitionCursor } from '../fetch/partition-cursor.ts'
import { Message } from '../message.ts'
import type { MessageSource } from '../message.ts'

export interface OpenOptions {
  readonly checkCrc: boolean
  readonly decompressedBytesMax: number
}

export class OpenBatch<Key, Value> {
  readonly cursor: PartitionCursor
  readonly source: MessageSource<Key, Value>
  readonly sizeInBytes: number
  readonly isControl: boolean
  /** First offset of interest: the reader's position when the batch was opened, if that lies inside. */
  readonly firstOffset: number
  /** Behind the last offset of interest. */
  readonly endOffset: number
  readonly #generation: number
  readonly #records: RecordReader

  constructor(chunk: FetchedChunk, source: MessageSource<Key, Value>, records: RecordReader) {
    const { batch } = records
    const { cursor, generation } = chunk
    this.cursor = cursor
    this.source = source
    this.sizeInBytes = batch.sizeInBytes
    this.isControl = batch.isControl
    this.firstOffset = Math.max(batch.baseOffset, cursor.position)
    this.endOffset = Math.min(batch.lastOffset + 1, cursor.endOffset)
    this.#generation = generation
    this.#records = records
  }

  /** False after a seek or pause: the rest of the batch is of no interest. */
  get isWanted(): boolean {
    return this.cursor.generation === this.#generation
  }

  /** @returns null behind the last message @throws CorruptBatchError */
  next(): Message<Key, Value> | null {
    for (;;) {
      const record = this.#read()
      if (record === null) return null
      const { offset } = record
      if (offset >= this.endOffset) return null
      if (offset >= this.firstOffset) return new Message(this.source, record)
    }
  }

  #read(): ReturnType<RecordReader['read']> {
    try {
      return this.#records.read()
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error
      const { baseOffset, lastOffset } = this.#records.batch
      throw new CorruptBatchError(this.cursor, baseOffset, lastOffset + 1, error.message)
    }
  }
}

/** Behind the batch at `chunk.at`, as far as its header can be believed. */
function nextOffset({ records, at, cursor }: FetchedChunk): number {
  const next =
    records.length - at < RECORD_BATCH_HEADER_BYTES ? 0 : new RecordBatchView(records, at).lastOffset + 1
  return Math.max(next, cursor.position + 1)
}

/**
 * Opens the batch at `chunk.at`.
 *
 * @returns the batch, or why it cannot be read
 */
export function openBatch<Key, Value>(
  chunk: FetchedChunk,
  source: MessageSource<Key, Value>,
  { checkCrc, decompressedBytesMax }: OpenOptions,
): OpenBatch<Key, Value> | CorruptBatchError {
  const { records: bytes, at: position, cursor } = chunk
  const records = readRecords(bytes, { position, checkCrc, maxDecompressedBytes: decompressedBytesMax })
  if (!('kind' in records)) return new OpenBatch(chunk, source, records)
  return new CorruptBatchError(cursor, cursor.position, nextOffset(chunk), records.message)
}
