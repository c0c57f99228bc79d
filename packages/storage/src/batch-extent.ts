/** Which whole batches of a window of bytes answer a read: both ends found by walking the headers, nothing copied. */
import type { Offset } from '@millrace/base'
import { checkBatch, LOG_OVERHEAD, RECORD_BATCH_HEADER_BYTES, RecordBatchView } from '@millrace/record'
import { headerProblem } from './batch-scan.ts'

export interface ExtentLimits {
  /** The first batch is the one that ends at or behind it. */
  readonly offset: Offset
  /** Every batch ends below it. */
  readonly endOffset: Offset
  readonly maxBytes: number
  /** The first batch may be larger than `maxBytes`. */
  readonly atLeastOneBatch: boolean
  readonly verifyChecksums?: boolean
}

export interface BatchExtent {
  /** Of the first batch; where the walk stands when none was reached. */
  readonly start: number
  /** End of the last batch; equal to `start`: none. */
  readonly end: number
  /** The offset behind the last batch that was passed; −1: none was. */
  readonly nextOffset: Offset
  /** The limits, not the window, ended the walk. */
  readonly isComplete: boolean
  /** Bytes from `start` on that the walk could not do without. */
  readonly neededBytes: number
  /** What is wrong with the batch at `end`. */
  readonly problem: string | null
}

const NO_BYTES = Buffer.alloc(0)
/** Shared, because a walk is done with it before it returns. */
const view = new RecordBatchView(NO_BYTES)

/** Offsets that the batches of a window can have. */
export interface OffsetSpan {
  /** Where the first batch starts; −1: not known. */
  readonly startOffset: Offset
  /** End of the segment. */
  readonly endOffset: Offset
  /** Compaction leaves gaps between batches. */
  readonly gapsAllowed: boolean
}

/** @param bytes from a batch boundary on; `length` of them count */
export function findExtent(
  bytes: Buffer,
  length: number,
  span: OffsetSpan,
  limits: ExtentLimits,
): BatchExtent {
  let start = 0
  let at = 0
  let nextOffset = span.startOffset
  let isComplete = false
  let neededBytes = RECORD_BATCH_HEADER_BYTES
  let problem: string | null = null
  let mayRun = limits.verifyChecksums !== true
  while (at + RECORD_BATCH_HEADER_BYTES <= length) {
    if (mayRun && at > start) {
      mayRun = false
      const endOffset = Math.min(limits.endOffset, span.endOffset)
      const run = goodRun(bytes, at, Math.min(length, start + limits.maxBytes), nextOffset, endOffset)
      at = run.end
      nextOffset = run.nextOffset
      continue
    }
    problem = headerProblem(view.at(bytes, at)) ?? orderProblem(nextOffset, span)
    if (problem !== null) break
    const { lastOffset } = view
    const end = at + view.sizeInBytes
    if (lastOffset < limits.offset) {
      start = end
    } else {
      isComplete =
        lastOffset >= limits.endOffset ||
        (end - start > limits.maxBytes && !(limits.atLeastOneBatch && at === start))
      if (isComplete) break
      if (end > length) {
        neededBytes = end - start
        break
      }
      if (limits.verifyChecksums === true) problem = checkBatch(bytes, at, end)?.message ?? null
      if (problem !== null) break
    }
    nextOffset = (lastOffset + 1) as Offset
    at = end
  }
  // Nothing may hold on to pooled memory.
  view.at(NO_BYTES, 0)
  return { start, end: at, nextOffset, isComplete, neededBytes, problem }
}

interface GoodRun {
  readonly end: number
  readonly nextOffset: Offset
}

/**
 * Steps over batches that are part of the answer beyond doubt: right format, right offset, all of it below `limit` and
 * `endOffset`. Anything else is left to the walk that can say what is wrong. A megabyte may hold a thousand batches, so
 * a header costs four reads here and no call.
 */
function goodRun(
  bytes: Buffer,
  from: number,
  limit: number,
  startOffset: Offset,
  endOffset: number,
): GoodRun {
  let at = from
  let nextOffset: number = startOffset
  while (at + RECORD_BATCH_HEADER_BYTES <= limit) {
    const baseOffset = int32(bytes, at) * 2 ** 32 + (int32(bytes, at + 4) >>> 0)
    const size = LOG_OVERHEAD + int32(bytes, at + 8)
    const lastOffsetDelta = int32(bytes, at + 23)
    const lastOffset = baseOffset + lastOffsetDelta
    const isGood =
      baseOffset === nextOffset &&
      bytes[at + 16] === 2 &&
      lastOffsetDelta >= 0 &&
      size >= RECORD_BATCH_HEADER_BYTES
    if (!isGood || at + size > limit || lastOffset >= endOffset) break
    at += size
    nextOffset = lastOffset + 1
  }
  return { end: at, nextOffset: nextOffset as Offset }
}

function int32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function orderProblem(expected: Offset, { endOffset, gapsAllowed }: OffsetSpan): string | null {
  const { baseOffset, lastOffset } = view
  const isInOrder = gapsAllowed ? baseOffset >= expected : baseOffset === expected
  if (expected >= 0 && !isInOrder) return `offset ${baseOffset} instead of ${expected}`
  return lastOffset >= endOffset ? `offset ${lastOffset} in a segment that ends at ${endOffset}` : null
}
