/** Record batches of the metadata log as they lie in its files. */
import { checkBatch, RecordBatchView } from '@millrace/record'

export interface LoggedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly epoch: number
  readonly crc: number
  readonly isControl: boolean
  /** In its file. */
  readonly position: number
  readonly endPosition: number
  /** The file's state, and which of its changes wrote this batch. */
  file: unknown
  change: number
}

const HEADER_BYTES = 61
const LENGTH_AT = 8
const OVERHEAD_BYTES = 12
/** Also while its name is written anew, which the next start ends (`storage/src/renewal.ts`). */
const SEGMENT = /^\d{20}\.log(\.renamed)?$/
const SNAPSHOT = /^(\d{20})-\d{10}\.checkpoint(\.renamed)?$/

export function isSegment(name: string): boolean {
  return SEGMENT.test(name)
}

/** @returns where the snapshot of this name ends; null for other files */
export function snapshotEndOf(name: string): number | null {
  const match = SNAPSHOT.exec(name)
  return match === null ? null : Number(match[1])
}

/**
 * @param filePosition of `bytes` in the file
 * @param mustBeSound stop at a batch that a recovery would not keep
 */
export function readBatches(
  bytes: Buffer,
  filePosition: number,
  mustBeSound: boolean,
): { readonly batches: LoggedBatch[]; readonly end: number } {
  const batches: LoggedBatch[] = []
  const view = new RecordBatchView(bytes)
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + OVERHEAD_BYTES + bytes.readInt32BE(at + LENGTH_AT)
    if (end <= at + OVERHEAD_BYTES || end > bytes.length) break
    if (mustBeSound && checkBatch(bytes, at, bytes.length) !== null) break
    const { baseOffset, lastOffset, partitionLeaderEpoch: epoch, crc, isControl } = view.at(bytes, at)
    const position = filePosition + at
    batches.push({
      baseOffset,
      lastOffset,
      epoch,
      crc,
      isControl,
      position,
      endPosition: filePosition + end,
      file: null,
      change: 0,
    })
    at = end
  }
  return { batches, end: at }
}
