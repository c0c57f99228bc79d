import type { LeaderEpoch, Offset } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import { describe, expect, it } from 'vitest'
import { fetchedRecords } from '../../../src/replica/fetcher/fetched-records.ts'
import { batchOf } from '../../support/batches.ts'

/** As a leader stamps it. */
function stamped(values: readonly string[], baseOffset: number, epoch: number): Buffer {
  const bytes = batchOf(values)
  const view = new RecordBatchView(bytes)
  view.stampBaseOffset(baseOffset as Offset)
  view.stampLeaderEpoch(epoch as LeaderEpoch)
  return bytes
}

describe('records from a leader', () => {
  it('come with where they begin and end, and where each leader epoch begins', () => {
    const data = Buffer.concat([stamped(['a', 'b'], 5, 1), stamped(['c'], 7, 1), stamped(['d'], 8, 3)])
    expect(fetchedRecords(data)).toEqual({
      data,
      baseOffset: 5,
      endOffset: 9,
      epochs: [
        { epoch: 1, startOffset: 5 },
        { epoch: 3, startOffset: 8 },
      ],
    })
    expect(fetchedRecords(Buffer.alloc(0))).toBeNull()
  })

  it('are refused when a bit of them is wrong', () => {
    const data = Buffer.concat([stamped(['a'], 0, 1), stamped(['b'], 1, 1)])
    data[data.length - 3]! ^= 4
    expect(fetchedRecords(data)).toMatch(/checksum/)
  })

  it('are refused when they are not in order, or not whole', () => {
    expect(fetchedRecords(Buffer.concat([stamped(['a', 'b'], 0, 1), stamped(['c'], 1, 1)]))).toMatch(
      /before the end/,
    )
    expect(fetchedRecords(stamped(['a'], 0, 1).subarray(0, 70))).toMatch(/bytes/)
  })
})
