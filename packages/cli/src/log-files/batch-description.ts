/** A batch of a segment file as `log dump` prints it. */
import { compressionName, CorruptRecordError, readRecords, type RecordView } from '@millrace/record'
import { formatCount } from '../units.ts'
import { paint } from '../output.ts'
import { timestampText } from '../records/record-format.ts'
import type { ScannedBatch } from './segment-scan.ts'

/** What one batch may decompress to before it is called a bomb. */
const DECOMPRESSED_BYTES_MAX = 2 ** 30

export interface BatchDescription {
  readonly position: number
  readonly sizeInBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly recordCount: number
  readonly leaderEpoch: number
  readonly compression: string
  readonly timestampType: string
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly crc: number
  readonly crcValid: boolean
}

export function describeBatch({ batch, position, crcValid }: ScannedBatch): BatchDescription {
  return {
    position,
    sizeInBytes: batch.sizeInBytes,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    recordCount: batch.recordCount,
    leaderEpoch: batch.partitionLeaderEpoch,
    compression: compressionName(batch.compression) ?? `unknown (${batch.compression})`,
    timestampType: batch.timestampType,
    maxTimestamp: batch.maxTimestamp,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    crc: batch.crc,
    crcValid,
  }
}

/** The records up to the first that is none; `problem` says why the walk ended early. */
export function recordsOf({ batch }: ScannedBatch): { records: RecordView[]; problem: string | null } {
  const records: RecordView[] = []
  const reader = readRecords(batch.bytes.subarray(0, batch.sizeInBytes), {
    maxDecompressedBytes: DECOMPRESSED_BYTES_MAX,
    checkCrc: false,
  })
  if ('kind' in reader) return { records, problem: reader.message }
  try {
    for (const record of reader) records.push(record)
    return { records, problem: null }
  } catch (error) {
    if (error instanceof CorruptRecordError) return { records, problem: error.message }
    throw error
  }
}

const WIDTHS = { position: 11, offsets: 21, records: 8, bytes: 10, codec: 6, epoch: 5, time: 24 } as const

export function batchHeadLine(): string {
  const { position, offsets, records, bytes, codec, epoch, time } = WIDTHS
  const cells = [
    'POSITION'.padStart(position),
    'OFFSETS'.padStart(offsets),
    'RECORDS'.padStart(records),
    'BYTES'.padStart(bytes),
    'CODEC'.padEnd(codec),
    'EPOCH'.padStart(epoch),
    'LAST TIMESTAMP'.padEnd(time),
    'CRC',
  ]
  return paint('bold', cells.join('  '))
}

export function batchLine(batch: BatchDescription): string {
  const { position, offsets, records, bytes, codec, epoch, time } = WIDTHS
  const flags = [
    batch.isControl ? 'control' : '',
    batch.isTransactional ? 'transactional' : '',
    batch.producerId >= 0
      ? `producer ${batch.producerId}/${batch.producerEpoch} sequence ${batch.baseSequence}`
      : '',
  ]
  return [
    formatCount(batch.position).padStart(position),
    `${batch.baseOffset}-${batch.lastOffset}`.padStart(offsets),
    formatCount(batch.recordCount).padStart(records),
    formatCount(batch.sizeInBytes).padStart(bytes),
    batch.compression.padEnd(codec),
    String(batch.leaderEpoch).padStart(epoch),
    timestampText(batch.maxTimestamp).padEnd(time),
    batch.crcValid ? paint('green', 'ok') : paint('red', 'WRONG'),
    ...flags.filter((flag) => flag !== ''),
  ].join('  ')
}
