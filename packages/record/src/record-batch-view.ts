/**
 * The header of a RecordBatch v2, read and stamped in place: nothing is copied, nothing allocated while scanning.
 *
 * Must not know: records, compression. A view trusts its bytes: the header must be there (61 bytes), and what it says
 * is only what somebody wrote, until `checkBatch` or `validateBatch` accepted it.
 *
 * Layout (KIP-98), big-endian: baseOffset int64 · batchLength int32 · partitionLeaderEpoch int32 · magic int8 ·
 * crc uint32 (over everything behind it) · attributes int16 · lastOffsetDelta int32 · baseTimestamp int64 ·
 * maxTimestamp int64 · producerId int64 · producerEpoch int16 · baseSequence int32 · recordCount int32 · records.
 */
import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { crc32c, readInt64, writeInt64 } from '@millrace/base'

/** Bytes before a batch's records. */
export const RECORD_BATCH_HEADER_BYTES = 61
/** Base offset and length: what precedes the bytes that the length field counts. */
export const LOG_OVERHEAD = 12
/** Everything from here to the end of the batch is under its checksum. */
export const CRC_START = 21

export const Position = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

export const Attribute = {
  compressionMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  /** The base timestamp is the time until which the cleaner keeps this batch's tombstones (KIP-534). */
  deleteHorizon: 0x40,
} as const

export type TimestampType = 'CreateTime' | 'LogAppendTime'

export class RecordBatchView {
  bytes: Buffer
  /** Where the batch starts in `bytes`. */
  position: number

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  /** Points this view at another batch. */
  at(bytes: Buffer, position: number): this {
    this.bytes = bytes
    this.position = position
    return this
  }

  get baseOffset(): Offset {
    return readInt64(this.bytes, this.position + Position.baseOffset) as Offset
  }

  /** Of the whole batch, with base offset and length field. */
  get sizeInBytes(): number {
    return LOG_OVERHEAD + this.bytes.readInt32BE(this.position + Position.batchLength)
  }

  /** Where the next batch starts in `bytes`. */
  get end(): number {
    return this.position + this.sizeInBytes
  }

  get partitionLeaderEpoch(): LeaderEpoch {
    return this.bytes.readInt32BE(this.position + Position.partitionLeaderEpoch) as LeaderEpoch
  }

  get magic(): number {
    return this.bytes.readInt8(this.position + Position.magic)
  }

  /** As stored; `computeCrc` tells what it should be. */
  get crc(): number {
    return this.bytes.readUInt32BE(this.position + Position.crc)
  }

  get attributes(): number {
    return this.bytes.readInt16BE(this.position + Position.attributes)
  }

  /** A `CompressionType`, or 5 to 7, which nobody knows. */
  get compression(): number {
    return this.attributes & Attribute.compressionMask
  }

  get timestampType(): TimestampType {
    return (this.attributes & Attribute.logAppendTime) === 0 ? 'CreateTime' : 'LogAppendTime'
  }

  get isTransactional(): boolean {
    return (this.attributes & Attribute.transactional) !== 0
  }

  get isControl(): boolean {
    return (this.attributes & Attribute.control) !== 0
  }

  get lastOffsetDelta(): number {
    return this.bytes.readInt32BE(this.position + Position.lastOffsetDelta)
  }

  get lastOffset(): Offset {
    return (this.baseOffset + this.lastOffsetDelta) as Offset
  }

  /** The base timestamp of the records' deltas; of a cleaned batch it may be the delete horizon instead. */
  get baseTimestamp(): TimestampMs {
    return readInt64(this.bytes, this.position + Position.baseTimestamp) as TimestampMs
  }

  get maxTimestamp(): TimestampMs {
    return readInt64(this.bytes, this.position + Position.maxTimestamp) as TimestampMs
  }

  /** −1: not idempotent. Inexact beyond 2^53: brokers count from 0, only test servers give such ids. */
  get producerId(): number {
    return readInt64(this.bytes, this.position + Position.producerId)
  }

  get producerEpoch(): number {
    return this.bytes.readInt16BE(this.position + Position.producerEpoch)
  }

  get baseSequence(): number {
    return this.bytes.readInt32BE(this.position + Position.baseSequence)
  }

  get recordCount(): number {
    return this.bytes.readInt32BE(this.position + Position.recordCount)
  }

  computeCrc(): number {
    return crc32c(this.bytes, this.position + CRC_START, this.end)
  }

  /** The partition leader's choice; not under the checksum. */
  stampBaseOffset(baseOffset: Offset): void {
    writeInt64(this.bytes, baseOffset, this.position + Position.baseOffset)
  }

  /** Not under the checksum. */
  stampLeaderEpoch(leaderEpoch: LeaderEpoch): void {
    this.bytes.writeInt32BE(leaderEpoch, this.position + Position.partitionLeaderEpoch)
  }

  /** Gives all records this time (`message.timestamp.type=LogAppendTime`); rewrites the checksum. */
  stampLogAppendTime(timestamp: TimestampMs): void {
    this.bytes.writeInt16BE(this.attributes | Attribute.logAppendTime, this.position + Position.attributes)
    writeInt64(this.bytes, timestamp, this.position + Position.maxTimestamp)
    this.#stampCrc()
  }

  /**
   * What a retry by a producer with a new id or epoch needs; rewrites the checksum.
   *
   * @param producerId with `producerEpoch` from InitProducerId
   * @param baseSequence sequence number of the first record
   */
  stampProducer(producerId: number, producerEpoch: number, baseSequence: number): void {
    writeInt64(this.bytes, producerId, this.position + Position.producerId)
    this.bytes.writeInt16BE(producerEpoch, this.position + Position.producerEpoch)
    this.bytes.writeInt32BE(baseSequence, this.position + Position.baseSequence)
    this.#stampCrc()
  }

  #stampCrc(): void {
    this.bytes.writeUInt32BE(this.computeCrc(), this.position + Position.crc)
  }
}

/**
 * Size of the batch at `position`, when all of it lies before `end`.
 *
 * @returns null when it does not: too few bytes for the length field, or for what it says. A size below
 * `RECORD_BATCH_HEADER_BYTES` (even zero or less) is no v2 batch: whoever scans must stop there
 */
export function batchSizeAt(bytes: Buffer, position: number, end: number = bytes.length): number | null {
  if (end - position < LOG_OVERHEAD) return null
  const size = LOG_OVERHEAD + bytes.readInt32BE(position + Position.batchLength)
  return size <= end - position ? size : null
}
