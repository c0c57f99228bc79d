/** Record batches that a peer sent: verified before the core or the log hears of them. */
import type { Offset } from '@millrace/base'
import type { BatchSummary, FetchedRecords } from '@millrace/raft'
import { checkBatch, CorruptRecordError, isBatchError, readRecords, RecordBatchView } from '@millrace/record'
import { readControlRecords, votersIn } from './control-batch.ts'

export interface BadRecords {
  readonly kind: 'bad-records'
  readonly reason: string
}

/**
 * @param bytes batches one after another, owned by the caller from now on
 * @param fetchOffset what was asked for: the first batch begins there
 * @returns the batches' summaries with `bytes` as their data, null when there is none, or why they are refused
 */
export function readFetchedRecords(bytes: Buffer, fetchOffset: Offset): FetchedRecords | BadRecords | null {
  if (bytes.length === 0) return null
  const batches: BatchSummary[] = []
  let expected: number = fetchOffset
  const view = new RecordBatchView(bytes)
  for (let position = 0; position < bytes.length;) {
    const error = checkBatch(bytes, position, bytes.length)
    if (error !== null) return bad(error.message)
    const { baseOffset, lastOffset, partitionLeaderEpoch, sizeInBytes, isControl } = view.at(bytes, position)
    if (baseOffset !== expected) return bad(`offset ${baseOffset} where ${expected} was expected`)
    const previous = batches.at(-1)
    if (partitionLeaderEpoch < (previous?.epoch ?? 0)) return bad(`epoch ${partitionLeaderEpoch} goes back`)
    const voters = isControl ? votersAt(bytes, position) : null
    if (voters !== null && 'reason' in voters) return voters
    batches.push({ baseOffset, lastOffset, epoch: partitionLeaderEpoch, voters })
    expected = lastOffset + 1
    position += sizeInBytes
  }
  return { batches, data: bytes }
}

/** The bytes behind a `FetchedRecords` of this module. */
export function bytesOf(records: FetchedRecords): Buffer {
  return records.data as Buffer
}

function votersAt(bytes: Buffer, position: number): BatchSummary['voters'] | BadRecords {
  const reader = readRecords(bytes, { position, maxDecompressedBytes: 0, checkCrc: false })
  if (isBatchError(reader)) return bad(reader.message)
  try {
    const control = readControlRecords(reader)
    return 'kind' in control ? bad(control.reason) : (votersIn(control)?.voters ?? null)
  } catch (error) {
    // The checksum is right, the record is not: a peer of another kind.
    if (error instanceof CorruptRecordError) return bad(error.message)
    throw error
  }
}

function bad(reason: string): BadRecords {
  return { kind: 'bad-records', reason }
}
