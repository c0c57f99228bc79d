import { NO_NODE } from '@millrace/base'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { electLeader } from '../src/leader-election.ts'
import { node } from './cluster.ts'

const partition = (replicas: number[], isr: number[]) => ({
  replicas: replicas.map(node),
  isr: isr.map(node),
})

test('the preferred replica leads when it can, whatever the order of the ISR', () => {
  expect(electLeader(partition([3, 1, 2], [1, 2, 3]), () => true)).toBe(node(3))
  expect(electLeader(partition([3, 1, 2], [2, 1]), () => true)).toBe(node(1))
  expect(electLeader(partition([3, 1, 2], [3, 2, 1]), (id) => id !== node(3))).toBe(node(1))
})

test('nobody outside the ISR is elected, live or not: it may lack acknowledged records', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 5 })
  fc.assert(
    fc.property(ids, ids, ids, (replicas, inSync, live) => {
      const isr = replicas.filter((id) => inSync.includes(id))
      const leader = electLeader(partition(replicas, isr), (id) => live.includes(id))
      const candidates = isr.filter((id) => live.includes(id))
      if (candidates.length === 0) expect(leader).toBe(NO_NODE)
      else expect(leader).toBe(node(candidates[0]!))
    }),
  )
})
