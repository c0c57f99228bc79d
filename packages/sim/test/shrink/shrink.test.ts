import { describe, expect, it } from 'vitest'
import { ddmin, halveNumbers, type ShrinkBudget } from '../../src/index.ts'

function budget(calls = Infinity): ShrinkBudget {
  let now = 0
  return { clock: { monoMs: () => (now += 1) }, limitMs: calls }
}

const numbers = Array.from({ length: 100 }, (_, i) => i)

describe('ddmin', () => {
  it('leaves exactly what is needed, in order', async () => {
    let calls = 0
    const needed = [3, 4, 57, 99]
    const found = await ddmin(
      numbers,
      (items) => {
        calls += 1
        return needed.every((item) => items.includes(item))
      },
      budget(),
    )
    expect(found).toEqual(needed)
    expect(calls).toBeLessThan(150)
  })

  it('leaves nothing when nothing is needed', async () => {
    expect(await ddmin(numbers, () => true, budget())).toEqual([])
  })

  it('leaves a part of which no single item can go, whatever is asked of it', async () => {
    const reproduces = (items: readonly number[]): boolean =>
      items.filter((item) => item % 10 === 0).length >= 3 && items.includes(42)
    const found = await ddmin(numbers, reproduces, budget())
    expect(reproduces(found)).toBe(true)
    for (const item of found) expect(reproduces(found.filter((other) => other !== item))).toBe(false)
  })

  it('stops in time with what it has, which reproduces', async () => {
    const reproduces = (items: readonly number[]): boolean => items.includes(99) && items.length % 2 === 0
    const found = await ddmin(numbers, reproduces, budget(5))
    expect(reproduces(found)).toBe(true)
  })
})

describe('halving', () => {
  it('makes numbers as small as they may be, and others it leaves alone', async () => {
    const items = [
      { kind: 'kill', atMs: 1000, downMs: 800 },
      { kind: 'pause', atMs: 90, downMs: 7 },
    ]
    const found = await halveNumbers(
      items,
      new Set(['downMs']),
      ([first]) => first!.downMs >= 90 && first!.atMs === 1000,
      budget(),
    )
    expect(found).toEqual([
      { kind: 'kill', atMs: 1000, downMs: 100 },
      { kind: 'pause', atMs: 90, downMs: 0 },
    ])
    expect(items[0]!.downMs).toBe(800)
  })
})
