import { expect, test } from 'vitest'
import { nearestName } from '../../src/config/nearest-name.ts'

const names = ['retention.ms', 'retention.bytes', 'segment.ms', 'cleanup.policy']

test('a typing error finds the name that was meant', () => {
  expect(nearestName('retention.sm', names)).toBe('retention.ms')
  expect(nearestName('retentin.ms', names)).toBe('retention.ms')
  expect(nearestName('RETENTION.BYTE', names)).toBe('retention.bytes')
  expect(nearestName('cleanup.polciy', names)).toBe('cleanup.policy')
})

test('a word that is like none finds none', () => {
  expect(nearestName('compression', names)).toBeNull()
  expect(nearestName('', names)).toBeNull()
  expect(nearestName('x', [])).toBeNull()
})
