import { seededRng } from '@millrace/base'
import { expect, it } from 'vitest'
import { shuffled } from '../../src/fault/shuffled.ts'

it('gives every order about as often, leaves the items alone, and is the same for the same seed', () => {
  const items = Object.freeze(['a', 'b', 'c'])
  const counts = new Map<string, number>()
  for (let seed = 0; seed < 6000; seed++) {
    const order = shuffled(items, seededRng(seed)).join('')
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  expect([...counts.keys()].toSorted()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  for (const [order, count] of counts) {
    expect(count, order).toBeGreaterThan(850)
    expect(count, order).toBeLessThan(1150)
  }
  expect(shuffled(items, seededRng(7))).toEqual(shuffled(items, seededRng(7)))
  expect(shuffled([], seededRng(1))).toEqual([])
})
