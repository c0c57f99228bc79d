/**
 * One append to the metadata log: records that belong together, as one RecordBatch, so that after a crash either all
 * of them are there or none.
 */
import { asBuffer, type LeaderEpoch, type Offset, type TimestampMs } from '@millrace/base'
import type { MetadataRecord } from '@millrace/metadata'
import { decodeMetadataRecord, encodeMetadataRecord, type QuorumRecord } from '@millrace/protocol'
import {
  batchSizeAt,
  CorruptRecordError,
  isBatchError,
  readRecords,
  RecordBatchBuilder,
  RecordBatchView,
  type RecordReader,
} from '@millrace/record'
import { readControlRecords } from './control-batch.ts'

export interface MetadataBatch {
  readonly baseOffset: Offset
  readonly lastOffset: Offset
  /** Of the controller that wrote it. */
  readonly epoch: LeaderEpoch
  readonly timestampMs: TimestampMs
  /** None for a control batch of the quorum: it takes an offset and changes no metadata. */
  readonly records: readonly MetadataRecord[]
  /** What a control batch says; none for any other batch. */
  readonly control: readonly QuorumRecord[]
  readonly sizeInBytes: number
}

/** What was read can't be understood: damaged, or written by a newer version. */
export interface BadMetadataBatch {
  readonly kind: 'bad-batch'
  readonly offset: Offset
  readonly reason: string
}

/** Metadata batches are never compressed; the bound only has to be one. */
const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024

/** @returns a batch that owns its memory, without base offset and epoch: the log stamps them */
export function encodeMetadataBatch(records: readonly MetadataRecord[], timestampMs: TimestampMs): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: Infinity })
  for (const record of records) builder.tryAppend(timestampMs, null, encodeMetadataRecord(record))
  return builder.build()
}

/** Decodes whole batches that lie one after another; ends after the first bad one. */
export function* decodeMetadataBatches(bytes: Buffer): Generator<MetadataBatch | BadMetadataBatch> {
  for (let position = 0; position < bytes.length;) {
    const size = batchSizeAt(bytes, position)
    const batch = decodeBatch(bytes, position)
    yield batch
    if (size === null || 'kind' in batch) return
    position += size
  }
}

function decodeBatch(bytes: Buffer, position: number): MetadataBatch | BadMetadataBatch {
  const reader = readRecords(bytes, { position, maxDecompressedBytes: DECOMPRESSED_BYTES_MAX })
  const offset = new RecordBatchView(bytes, position).baseOffset
  if (isBatchError(reader)) return { kind: 'bad-batch', offset, reason: reader.message }
  try {
    return readBatch(reader)
  } catch (error) {
    // The checksum is right, the records are not: written by something else.
    if (error instanceof CorruptRecordError) return { kind: 'bad-batch', offset, reason: error.message }
    throw error
  }
}

/** @throws CorruptRecordError */
function readBatch(reader: RecordReader): MetadataBatch | BadMetadataBatch {
  const { baseOffset, lastOffset, partitionLeaderEpoch, maxTimestamp, isControl, sizeInBytes } = reader.batch
  const header = {
    baseOffset,
    lastOffset,
    epoch: partitionLeaderEpoch,
    timestampMs: maxTimestamp,
    sizeInBytes,
  }
  if (isControl) {
    const control = readControlRecords(reader)
    if ('kind' in control) return { kind: 'bad-batch', offset: baseOffset, reason: control.reason }
    return { ...header, records: [], control }
  }
  const records: MetadataRecord[] = []
  for (const { value, offset } of reader) {
    if (value === null) return { kind: 'bad-batch', offset, reason: 'a metadata record without a value' }
    const record = decodeMetadataRecord(asBuffer(value))
    if ('reason' in record) return { kind: 'bad-batch', offset, reason: record.reason }
    records.push(record)
  }
  return { ...header, records, control: [] }
}
