/**
 * Collects records into one RecordBatch v2, for producers and for whoever writes records of its own.
 *
 * Owns: one buffer with room for the header in front, growing by doubling, into which every record is encoded once.
 * Must not know: partitions, time, retries.
 * Invariant: the records appended so far lie encoded in `[61, sizeInBytes)`; offset deltas are 0, 1, 2, …
 */
import type { BufferPool, LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { assert, crc32c, varintSize, writeInt64, writeVarint, writeVarlong } from '@millrace/base'
import { CompressionType } from './compression-type.ts'
import { compress } from './compression.ts'
import {
  Attribute,
  CRC_START,
  LOG_OVERHEAD,
  Position,
  RECORD_BATCH_HEADER_BYTES,
} from './record-batch-view.ts'

export interface RecordBatchBuilderOptions {
  /** Of the uncompressed batch with its header. A first record may exceed it, so that every record fits somewhere. */
  readonly maxBytes: number
  /** Where buffers come from and go back to with `release`; without one they are allocated. */
  readonly pool?: BufferPool
}

/** Strings are written as UTF-8. */
export type RecordData = Uint8Array | string | null

export interface RecordHeaderInput {
  readonly key: string
  readonly value: RecordData
}

export interface BuildOptions {
  /** `CompressionType.none` when left out. */
  readonly compression?: CompressionType
  /** For gzip and zstd. */
  readonly compressionLevel?: number
  /** With `producerEpoch` and `baseSequence` for idempotent producers; −1 each when left out. */
  readonly producerId?: number
  readonly producerEpoch?: number
  /** Sequence number of the first record. */
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** 0 when left out: the leader chooses. */
  readonly baseOffset?: Offset
  /** −1 when left out. */
  readonly partitionLeaderEpoch?: LeaderEpoch
  /** Gives all records this time instead of their own. */
  readonly logAppendTime?: TimestampMs
}

/** A method of every `Buffer` that its types leave out: `write` without the choice of encoding. */
type EncodingBuffer = Buffer & {
  utf8Write(text: string, position: number, length: number): number
}

const INITIAL_BYTES = 16 * 1024
/** The most that a record takes beside its data and headers: varints of 5 bytes, one of 10, one byte of attributes. */
const RECORD_OVERHEAD_MAX = 36
/** The most that the two lengths of a header take. */
const FIELD_OVERHEAD_MAX = 10
/** What it usually is: only a guess. */
const USUAL_OVERHEAD = 9
const NO_HEADERS: readonly RecordHeaderInput[] = []

export class RecordBatchBuilder {
  readonly #maxBytes: number
  readonly #pool: BufferPool | undefined
  #buffer: EncodingBuffer
  #end = RECORD_BATCH_HEADER_BYTES
  #recordCount = 0
  #baseTimestamp = 0
  #maxTimestamp = 0

  constructor(options: RecordBatchBuilderOptions) {
    this.#maxBytes = options.maxBytes
    this.#pool = options.pool
    this.#buffer = this.#take(Math.min(INITIAL_BYTES, Math.max(options.maxBytes, RECORD_BATCH_HEADER_BYTES)))
  }

  get recordCount(): number {
    return this.#recordCount
  }

  /** Of the batch as it would be uncompressed, with its header. */
  get sizeInBytes(): number {
    return this.#end
  }

  /** Of the records so far; meaningless before the first. */
  get maxTimestamp(): TimestampMs {
    return this.#maxTimestamp as TimestampMs
  }

  /**
   * Encodes a record behind the others; its data may be reused afterwards.
   *
   * @param timestamp milliseconds since 1970, any safe integer
   * @returns false, with nothing changed, when the batch would become larger than `maxBytes`: build it and start another
   */
  tryAppend(timestamp: number, key: RecordData, value: RecordData, headers = NO_HEADERS): boolean {
    const isFirst = this.#recordCount === 0
    const room = RECORD_OVERHEAD_MAX + dataBytesMax(key) + dataBytesMax(value) + headersBytesMax(headers)
    if (this.#end + room > this.#buffer.length && !this.#makeRoom(key, value, headers)) return false

    // The length in front is known only behind the fields; its width can be guessed nearly always.
    const bytes = this.#buffer
    const start = this.#end
    const bodyStart = start + varintSize(USUAL_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0))
    bytes[bodyStart] = 0
    let at = writeVarlong(bytes, isFirst ? 0 : timestamp - this.#baseTimestamp, bodyStart + 1)
    at = writeVarint(bytes, this.#recordCount, at)
    at = writeField(bytes, key, at)
    at = writeField(bytes, value, at)
    at = headers.length === 0 ? writeVarint(bytes, 0, at) : writeHeaders(bytes, headers, at)
    const end = writeLengthBefore(bytes, start, bodyStart, at)
    if (!isFirst && end > this.#maxBytes) return false

    this.#end = end
    this.#recordCount++
    if (isFirst) this.#baseTimestamp = timestamp
    if (isFirst || timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    return true
  }

  /**
   * The finished batch. Uncompressed, it lies in the builder's own buffer and is valid until the next call of
   * `tryAppend`, `reset` or `release`; compressed, it is a buffer of its own. May be called again with other options.
   *
   * @throws UnsupportedCompressionError where the codec is not installed: ask `compressionProblem` beforehand
   */
  build(options: BuildOptions = {}): Buffer {
    const compression = options.compression ?? CompressionType.none
    if (compression === CompressionType.none)
      return this.#writeHeader(this.#buffer.subarray(0, this.#end), options)
    const records = this.#buffer.subarray(RECORD_BATCH_HEADER_BYTES, this.#end)
    const compressed = compress(compression, records, options.compressionLevel)
    const batch = Buffer.allocUnsafeSlow(RECORD_BATCH_HEADER_BYTES + compressed.length)
    batch.set(compressed, RECORD_BATCH_HEADER_BYTES)
    return this.#writeHeader(batch, options)
  }

  /** Empties the builder for the next batch in the same buffer. */
  reset(): void {
    this.#end = RECORD_BATCH_HEADER_BYTES
    this.#recordCount = 0
  }

  /** Gives the buffer back to the pool: neither this builder nor what it built uncompressed may be used any more. */
  release(): void {
    this.#pool?.give(this.#buffer)
    this.#buffer = NO_BYTES
    this.reset()
  }

  #writeHeader(batch: Buffer, options: BuildOptions): Buffer {
    const count = this.#recordCount
    assert(count > 0, 'a batch needs a record')
    writeInt64(batch, options.baseOffset ?? 0, Position.baseOffset)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, Position.batchLength)
    batch.writeInt32BE(options.partitionLeaderEpoch ?? -1, Position.partitionLeaderEpoch)
    batch[Position.magic] = 2
    batch.writeInt16BE(attributesOf(options), Position.attributes)
    batch.writeInt32BE(count - 1, Position.lastOffsetDelta)
    writeInt64(batch, this.#baseTimestamp, Position.baseTimestamp)
    writeInt64(batch, options.logAppendTime ?? this.#maxTimestamp, Position.maxTimestamp)
    writeInt64(batch, options.producerId ?? -1, Position.producerId)
    batch.writeInt16BE(options.producerEpoch ?? -1, Position.producerEpoch)
    batch.writeInt32BE(options.baseSequence ?? -1, Position.baseSequence)
    batch.writeInt32BE(count, Position.recordCount)
    batch.writeUInt32BE(crc32c(batch, CRC_START, batch.length), Position.crc)
    return batch
  }

  /** Measures text, which `tryAppend` avoids. @returns false when the record can't fit into this batch */
  #makeRoom(key: RecordData, value: RecordData, headers: readonly RecordHeaderInput[]): boolean {
    let dataBytes = byteLength(key) + byteLength(value)
    for (const header of headers)
      dataBytes += FIELD_OVERHEAD_MAX + byteLength(header.key) + byteLength(header.value)
    if (this.#recordCount > 0 && this.#end + dataBytes > this.#maxBytes) return false
    const needed = this.#end + RECORD_OVERHEAD_MAX + dataBytes
    if (needed <= this.#buffer.length) return true
    const larger = this.#take(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer.subarray(0, this.#end))
    this.#pool?.give(this.#buffer)
    this.#buffer = larger
    return true
  }

  #take(bytes: number): EncodingBuffer {
    return (this.#pool?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes)) as EncodingBuffer
  }
}

const NO_BYTES = Buffer.alloc(0) as EncodingBuffer

function attributesOf(options: BuildOptions): number {
  return (
    (options.compression ?? CompressionType.none) |
    (options.logAppendTime === undefined ? 0 : Attribute.logAppendTime) |
    (options.isTransactional === true ? Attribute.transactional : 0) |
    (options.isControl === true ? Attribute.control : 0)
  )
}

/** Without a look at the data: a UTF-16 unit takes up to three bytes. */
function dataBytesMax(data: RecordData): number {
  return data === null ? 0 : 3 * data.length
}

function headersBytesMax(headers: readonly RecordHeaderInput[]): number {
  let bytes = 0
  for (let index = 0; index < headers.length; index++) {
    const { key, value } = headers[index]!
    bytes += FIELD_OVERHEAD_MAX + dataBytesMax(key) + dataBytesMax(value)
  }
  return bytes
}

function byteLength(data: RecordData): number {
  if (data === null) return 0
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}

/** Length and content; there is room. @returns the position behind them */
function writeField(bytes: EncodingBuffer, data: RecordData, position: number): number {
  if (data === null) return writeVarint(bytes, -1, position)
  const at = writeVarint(bytes, data.length, position)
  if (data.length === 0) return at
  if (typeof data !== 'string') {
    bytes.set(data, at)
    return at + data.length
  }
  // Text is written as if it were ASCII: then the length in front of it was right, and nobody had to measure it.
  const written = bytes.utf8Write(data, at, bytes.length - at)
  return written === data.length ? at + written : writeLengthBefore(bytes, position, at, at + written)
}

function writeHeaders(
  bytes: EncodingBuffer,
  headers: readonly RecordHeaderInput[],
  position: number,
): number {
  let at = writeVarint(bytes, headers.length, position)
  for (const { key, value } of headers) at = writeField(bytes, value, writeField(bytes, key, at))
  return at
}

/**
 * Puts the length of `bytes[start, end)` at `position`, moving these bytes when the room left for it was a wrong guess.
 *
 * @returns where they end
 */
function writeLengthBefore(bytes: Buffer, position: number, start: number, end: number): number {
  const length = end - start
  const newStart = position + varintSize(length)
  if (newStart !== start) bytes.copyWithin(newStart, start, end)
  writeVarint(bytes, length, position)
  return newStart + length
}
