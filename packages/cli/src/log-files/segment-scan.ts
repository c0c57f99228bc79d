/**
 * Reads a segment file batch by batch, believing nothing: lengths are held against the file, checksums are computed,
 * offsets must rise. Memory is one batch.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { LOG_OVERHEAD, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'

export interface ScannedBatch {
  /** Byte position in the file. */
  readonly position: number
  /** Valid until the next batch is asked for. */
  readonly batch: RecordBatchView
  readonly crcValid: boolean
}

export interface SegmentDamage {
  readonly position: number
  /** Part of a sentence: "the batch claims 400 bytes, the file has 12 left". */
  readonly reason: string
}

export type ScanStep =
  | ({ readonly kind: 'batch' } & ScannedBatch)
  | ({ readonly kind: 'damage' } & SegmentDamage)

const MAGIC_V2 = 2

/** Every batch of the file in order. Damage that hides where the next batch starts is the last step. */
export function* scanSegment(path: string): Generator<ScanStep, void> {
  const file = openSync(path, 'r')
  try {
    yield* scan(file, fstatSync(file).size, baseOffsetOf(path))
  } finally {
    closeSync(file)
  }
}

function* scan(file: number, fileBytes: number, firstOffset: number): Generator<ScanStep, void> {
  let buffer: Buffer = Buffer.allocUnsafe(1 << 20)
  let nextOffset = firstOffset
  let position = 0
  while (position < fileBytes) {
    const left = fileBytes - position
    if (left < RECORD_BATCH_HEADER_BYTES) {
      return yield { kind: 'damage', position, reason: `${left} bytes at the end are too few for a batch` }
    }
    readFully(file, buffer, RECORD_BATCH_HEADER_BYTES, position)
    const batch = new RecordBatchView(buffer)
    const size = batch.sizeInBytes
    const headerProblem = problemOfHeader(batch, left)
    if (headerProblem !== null) return yield { kind: 'damage', position, reason: headerProblem }

    if (size > buffer.length) buffer = Buffer.allocUnsafe(size)
    readFully(file, buffer, size, position)
    batch.at(buffer, 0)
    if (batch.baseOffset < nextOffset) {
      const reason = `the batch starts at offset ${batch.baseOffset}, the one before ended at ${nextOffset - 1}`
      yield { kind: 'damage', position, reason }
    }
    nextOffset = batch.lastOffset + 1
    yield { kind: 'batch', position, batch, crcValid: batch.computeCrc() === batch.crc }
    position += size
  }
}

function problemOfHeader(batch: RecordBatchView, left: number): string | null {
  const size = batch.sizeInBytes
  if (size < RECORD_BATCH_HEADER_BYTES)
    return `the batch claims ${size - LOG_OVERHEAD} bytes, which no batch has`
  if (size > left) return `the batch claims ${size} bytes, the file has ${left} left`
  if (batch.magic !== MAGIC_V2) return `magic is ${batch.magic}, not ${MAGIC_V2}: no record batch starts here`
  return null
}

/** Segment files are named after their first offset; others may start anywhere. */
function baseOffsetOf(path: string): number {
  const name = /^(\d{20})\.log/.exec(basename(path))?.[1]
  return name === undefined ? 0 : Number(name)
}

function readFully(file: number, into: Buffer, bytes: number, position: number): void {
  let done = 0
  while (done < bytes) {
    const read = readSync(file, into, done, bytes - done, position + done)
    // The file became shorter while it was read: what is missing is no batch, so let its checksum say so.
    if (read === 0) return void into.fill(0, done, bytes)
    done += read
  }
}
