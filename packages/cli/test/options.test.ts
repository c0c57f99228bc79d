import { expect, test } from 'vitest'
import { byteRate } from '../src/options.ts'

test('bytes a second are plain, or in decimal or binary units', () => {
  const rates = ['1', '1000', '10MB', '1.5 mb', '512KiB', '2GiB/s', '3 B/s'].map(byteRate)
  expect(rates).toEqual([1, 1000, 10_000_000, 1_500_000, 524_288, 2_147_483_648, 3])
})

test.each(['', '0', '-1', 'MB', '1 parsec', '0.1', '1e6', '9007199254740993'])('%j is no rate', (text) => {
  expect(() => byteRate(text)).toThrow('such as 10MB')
})
