import { expect, test } from 'vitest'
import { partitionList } from '../../src/options.ts'
import { parseStartPosition } from '../../src/records/start-position.ts'

test.each([
  ['beginning', 'beginning'],
  ['end', 'end'],
  ['42', { offset: 42 }],
  ['2026-11-23T08:00Z', { timestamp: Date.UTC(2026, 10, 23, 8) }],
])('%s is a place to start from', (text, position) => {
  expect(parseStartPosition(text)).toEqual(position)
})

test('-15m is fifteen minutes ago', () => {
  const before = Date.now()
  const position = parseStartPosition('-15m') as { timestamp: number }
  expect(position.timestamp).toBeGreaterThanOrEqual(before - 900_000)
  expect(position.timestamp).toBeLessThanOrEqual(Date.now() - 900_000)
})

test.each(['', 'start', '-1', '-15', '1.5', '2026-13-45', 'yesterday'])('%j is refused', (text) => {
  expect(() => parseStartPosition(text)).toThrow('Give beginning, end, an offset')
})

test('partitions are numbers and ranges', () => {
  expect(partitionList('0,2,5-7')).toEqual([0, 2, 5, 6, 7])
  for (const text of ['', 'a', '3-1', '1-', '-1', '0-999999999']) {
    expect(() => partitionList(text), text).toThrow('Give partitions as')
  }
})
