import { expect, test } from 'vitest'
import { RecentBatches } from '../src/recent-batches.ts'
import { offset } from './rig.ts'

test('finds the batch that holds an offset among the last 64, and says when it is further back', () => {
  const batches = new RecentBatches()
  expect(batches.find(offset(0))).toBe(-1)
  // Batch n holds the offsets 3n, 3n + 1 and 3n + 2, and starts at byte 100n.
  for (let added = 1; added <= 200; added++) {
    batches.add(offset(3 * (added - 1)), 100 * (added - 1))
    const oldest = Math.max(0, added - 64)
    for (const n of [oldest, Math.floor((oldest + added - 1) / 2), added - 1]) {
      for (const at of [3 * n, 3 * n + 2]) expect(batches.find(offset(at))).toBe(100 * n)
    }
    if (oldest > 0) expect(batches.find(offset(3 * oldest - 1))).toBe(-1)
  }
})

test('knows nothing after bytes went away', () => {
  const batches = new RecentBatches()
  batches.add(offset(5), 500)
  batches.clear()
  expect(batches.find(offset(5))).toBe(-1)
  batches.add(offset(7), 0)
  expect([5, 6, 7].map((at) => batches.find(offset(at)))).toEqual([-1, -1, 0])
})
