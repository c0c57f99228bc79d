/**
 * One pass over the batches of a file, from a batch boundary on: headers only, or with checksums above an offset.
 *
 * Must not know: segments, indexes, what the caller makes of a bad batch.
 * Cost: reads of 1 MiB; a body that nobody checks and that reaches beyond the current read is skipped, not read.
 */
import type { BufferPool, Disk, FileId } from '@millrace/base'
import { checkBatch, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import { readFully } from './transfer.ts'

const WINDOW_BYTES = 2 ** 20
/** No batch is larger: what claims to be is damaged. */
const BATCH_BYTES_MAX = 2 ** 30

export interface BatchScanOptions {
  readonly disk: Disk
  readonly file: FileId
  readonly pool: BufferPool
  /** A batch boundary. */
  readonly from: number
  /** End of the bytes to look at. */
  readonly to: number
  /** Batches that end at or above this offset are read whole and their checksums compared. */
  readonly verifyFrom: number
}

/** Says why the batch is not acceptable, or null to go on. The view is valid during the call. */
export type BatchVisitor = (batch: RecordBatchView, position: number) => string | null

export interface BatchScan {
  /** Everything before it was visited and accepted. */
  readonly end: number
  /** Why the scan ended before `to`. */
  readonly problem: string | null
}

export function scanBatches(options: BatchScanOptions, visit: BatchVisitor): BatchScan {
  // Most partitions of a large cluster are empty, and opening them is what its start consists of.
  if (options.from >= options.to) return { end: options.from, problem: null }
  const window = new FileWindow(options)
  const view = new RecordBatchView(window.bytes)
  let position = options.from
  try {
    while (position < options.to) {
      if (!window.ensure(position, RECORD_BATCH_HEADER_BYTES))
        return { end: position, problem: 'cut off in a header' }
      const problem = headerProblem(view.at(window.bytes, position - window.start))
      if (problem !== null) return { end: position, problem }
      const size = view.sizeInBytes
      if (position + size > options.to)
        return { end: position, problem: `cut off in a batch of ${size} bytes` }
      if (view.lastOffset >= options.verifyFrom) {
        if (!window.ensure(position, size))
          return { end: position, problem: 'the file ended while it was read' }
        view.at(window.bytes, position - window.start)
        const error = checkBatch(view.bytes, view.position, view.position + size)
        if (error !== null) return { end: position, problem: error.message }
      }
      const refusal = visit(view, position)
      if (refusal !== null) return { end: position, problem: refusal }
      position += size
    }
    return { end: position, problem: null }
  } finally {
    window.release()
  }
}

/** What a header alone gives away. */
export function headerProblem(batch: RecordBatchView): string | null {
  if (batch.magic !== 2) return `no record batch: its format would be ${batch.magic}`
  const size = batch.sizeInBytes
  if (size < RECORD_BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX) return `impossible batch size ${size}`
  return batch.lastOffsetDelta < 0 ? `impossible offset range of ${batch.lastOffsetDelta}` : null
}

/** A stretch of the file in memory, moved forward as needed. */
class FileWindow {
  bytes: Buffer
  /** File position of `bytes[0]`. */
  start = 0
  #length = 0
  readonly #options: BatchScanOptions

  constructor(options: BatchScanOptions) {
    this.#options = options
    this.bytes = options.pool.take(Math.min(WINDOW_BYTES, options.to - options.from))
  }

  /** @returns false when the file has less than that */
  ensure(position: number, bytes: number): boolean {
    if (position >= this.start && position + bytes <= this.start + this.#length) return true
    const { disk, file, to, pool } = this.#options
    if (position + bytes > to) return false
    if (bytes > this.bytes.length) {
      pool.give(this.bytes)
      this.bytes = pool.take(bytes)
    }
    const wanted = Math.min(this.bytes.length, to - position)
    this.start = position
    this.#length = readFully(disk, file, this.bytes.subarray(0, wanted), position)
    return this.#length >= bytes
  }

  release(): void {
    this.#options.pool.give(this.bytes)
  }
}
