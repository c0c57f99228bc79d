import { RecordBatchView } from '@millrace/record'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BatchExtent, findExtent } from '../src/batch-extent.ts'
import { batch, offset } from './rig.ts'

/** Ten batches of three records: offsets 100 to 129. */
const PARTS = Array.from({ length: 10 }, (_, index) => {
  const bytes = batch({ records: 3, valueBytes: 10 + 7 * index })
  new RecordBatchView(bytes).stampBaseOffset(offset(100 + 3 * index))
  return bytes
})
const BYTES = Buffer.concat(PARTS)
const SPAN = { startOffset: offset(100), endOffset: offset(130), gapsAllowed: false }

interface Limits {
  readonly offset?: number
  readonly endOffset?: number
  readonly maxBytes?: number
  readonly atLeastOneBatch?: boolean
}

function extentOf(bytes: Buffer, length: number, limits: Limits): BatchExtent {
  const { offset: from = 100, endOffset = 130, maxBytes = Infinity, atLeastOneBatch = true } = limits
  return findExtent(bytes, length, SPAN, {
    offset: offset(from),
    endOffset: offset(endOffset),
    maxBytes,
    atLeastOneBatch,
  })
}

/** What a reader that looks at every batch would return. */
function expected(
  length: number,
  { offset: from = 100, endOffset = 130, maxBytes = Infinity, atLeastOneBatch = true }: Limits,
) {
  let position = 0
  const taken: Buffer[] = []
  let takenBytes = 0
  for (const [index, part] of PARTS.entries()) {
    const lastOffset = 100 + 3 * index + 2
    position += part.length
    if (lastOffset < from) continue
    const fits = takenBytes + part.length <= maxBytes || (atLeastOneBatch && taken.length === 0)
    if (lastOffset >= endOffset || position > length || !fits) break
    taken.push(part)
    takenBytes += part.length
  }
  return Buffer.concat(taken)
}

describe('the extent of a read', () => {
  test('is what a look at every batch gives, for any window and limits', () => {
    const limits = fc.record({
      offset: fc.integer({ min: 100, max: 130 }),
      endOffset: fc.integer({ min: 100, max: 131 }),
      maxBytes: fc.integer({ min: 1, max: BYTES.length }),
      atLeastOneBatch: fc.boolean(),
    })
    fc.assert(
      fc.property(limits, fc.integer({ min: 0, max: BYTES.length }), (limit, length) => {
        const { start, end, problem } = extentOf(BYTES, length, limit)
        expect(problem).toBeNull()
        expect(BYTES.subarray(start, end).equals(expected(length, limit))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('says how many bytes a batch that reaches beyond the window needs', () => {
    const { start, end, neededBytes, isComplete } = extentOf(BYTES, PARTS[0]!.length - 1, {})
    expect([start, end, neededBytes, isComplete]).toEqual([0, 0, PARTS[0]!.length, false])
  })

  test.each([
    [
      'an offset that goes back',
      (bytes: Buffer, at: number) => new RecordBatchView(bytes, at).stampBaseOffset(offset(102)),
    ],
    ['a gap', (bytes: Buffer, at: number) => new RecordBatchView(bytes, at).stampBaseOffset(offset(107))],
    ['a length below a header’s', (bytes: Buffer, at: number) => void bytes.writeInt32BE(40, at + 8)],
    ['another format', (bytes: Buffer, at: number) => void bytes.writeInt8(1, at + 16)],
    [
      'more offsets than the segment has',
      (bytes: Buffer, at: number) => void bytes.writeInt32BE(1000, at + 23),
    ],
  ])('ends before %s, and reports it', (_name, damage) => {
    const bytes = Buffer.from(BYTES)
    const at = PARTS[0]!.length + PARTS[1]!.length
    damage(bytes, at)
    const { start, end, problem } = extentOf(bytes, bytes.length, {})
    expect([start, end]).toEqual([0, at])
    expect(problem).not.toBeNull()
  })

  test('takes a gap where compaction may have left one', () => {
    const bytes = Buffer.concat([PARTS[0]!, PARTS[5]!])
    const limits = { offset: offset(103), endOffset: offset(130), maxBytes: Infinity, atLeastOneBatch: true }
    const { start, end, problem } = findExtent(bytes, bytes.length, { ...SPAN, gapsAllowed: true }, limits)
    expect([start, end, problem]).toEqual([PARTS[0]!.length, bytes.length, null])
  })
})
