import { describe, expect, it } from 'vitest'
import { RequestMemory, type MemoryAccount } from '../src/memory-budget.ts'

/** A budget of 100 bytes, and accounts that note when they may go on. */
function budget(): { memory: RequestMemory; resumed: string[]; account(name: string): MemoryAccount } {
  const resumed: string[] = []
  const memory = new RequestMemory(100, () => memory.resumeWaiting())
  return { memory, resumed, account: (name) => memory.account(() => resumed.push(name)) }
}

describe('memory for requests that are arriving', () => {
  it('is given without waiting below the limit', () => {
    const { memory, account } = budget()
    const [a, b] = [account('a'), account('b')]
    a.take(50)
    b.take(49)
    expect([a.admits(), b.admits()]).toEqual([true, true])
    expect(b.mayTake(1)).toBe(true)
    expect(b.mayTake(2)).toBe(false)
    expect(memory.usedBytes).toBe(99)
  })

  it('may be exceeded by one at a time, so that frames complete', () => {
    const { account, resumed } = budget()
    const [a, b, c] = [account('a'), account('b'), account('c')]
    for (const each of [a, b, c]) each.take(60)
    expect([b.admits(), a.admits(), c.admits(), b.admits()]).toEqual([true, false, false, true])
    expect(b.mayTake(1000)).toBe(true)
    expect(a.mayTake(1)).toBe(false)
    b.give(60)
    b.finish(false)
    expect(resumed).toEqual(['a'])
    expect(c.admits()).toBe(false)
    a.give(60)
    a.finish(false)
    expect(resumed).toEqual(['a', 'c'])
  })

  it('does not wait for an account that is gone', () => {
    const { account, resumed } = budget()
    const [a, b, c] = [account('a'), account('b'), account('c')]
    for (const each of [a, b, c]) each.take(100)
    expect([a.admits(), b.admits(), c.admits()]).toEqual([true, false, false])
    b.give(100)
    b.finish(true)
    expect(resumed).toEqual([])
    a.give(100)
    a.finish(true)
    expect(resumed).toEqual(['c'])
  })

  it('wakes all that wait once there is room', () => {
    const { account, resumed } = budget()
    const [a, b, c] = [account('a'), account('b'), account('c')]
    a.take(100)
    for (const each of [a, b, c]) each.admits()
    a.give(100)
    a.finish(false)
    expect(resumed).toEqual(['b', 'c'])
  })
})
