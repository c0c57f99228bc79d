import { nodeId } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { InSyncReplicas } from '../src/in-sync-replicas.ts'

const ids = (...numbers: number[]) => numbers.map(nodeId)

describe('the maximal ISR', () => {
  it('holds every expansion proposed in this partition epoch, whatever was answered (KIP-497)', () => {
    const isr = new InSyncReplicas({ isr: ids(1), partitionEpoch: 4 })
    isr.propose(ids(1, 2), 1)
    isr.answered(1)
    isr.propose(ids(1, 3), 2)
    isr.answered(2)
    expect(isr.maximal).toEqual([1, 2, 3])
    expect(isr.confirmed).toEqual([1])
  })

  it('does not shrink before a shrink is confirmed', () => {
    const isr = new InSyncReplicas({ isr: ids(1, 2), partitionEpoch: 4 })
    isr.propose(ids(1), 1)
    expect(isr.maximal).toEqual([1, 2])
  })

  it('is the confirmed one again in a later partition epoch, and only then', () => {
    const isr = new InSyncReplicas({ isr: ids(1), partitionEpoch: 4 })
    isr.propose(ids(1, 2), 7)
    expect(isr.confirm({ isr: ids(1), partitionEpoch: 4 })).toBe(false)
    expect(isr.isMaximal(nodeId(2))).toBe(true)
    expect(isr.confirm({ isr: ids(1, 3), partitionEpoch: 5 })).toBe(true)
    expect(isr.maximal).toEqual([1, 3])
    expect(isr.answered(7)).toBe(false)
  })
})
