import { offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { AckWaits } from '../src/ack-waits.ts'

const wait = (endOffset: number) => ({ endOffset: toOffset(endOffset) })

describe('waits', () => {
  it('come back once, the very objects, in the order of the log', () => {
    const waits = new AckWaits()
    const all = [wait(2), wait(4), wait(6)]
    for (const each of all) waits.add(each)
    expect(waits.takeBelow(toOffset(1))).toEqual([])
    expect(waits.takeBelow(toOffset(4))[1]).toBe(all[1])
    expect(waits.takeAll()).toEqual([all[2]])
    expect(waits.takeAll()).toEqual([])
  })

  it('assert the order of the log', () => {
    const waits = new AckWaits()
    waits.add(wait(4))
    expect(() => waits.add(wait(3))).toThrow('order of the log')
  })
})
