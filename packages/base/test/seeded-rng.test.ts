import { describe, expect, it } from 'vitest'
import { seededRng } from '@millrace/base'

const draws = (seed: number, count: number): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: count }, () => rng.u32())
}

describe('seeded randomness', () => {
  it('repeats itself from the same seed', () => {
    expect(draws(42, 100)).toEqual(draws(42, 100))
  })

  it('differs at once between neighbouring seeds', () => {
    expect(draws(1, 4).filter((value) => draws(2, 4).includes(value))).toEqual([])
  })

  it('forks a stream that does not depend on what the parent has drawn', () => {
    const fresh = seededRng(7).fork('jitter')
    const parent = seededRng(7)
    for (let i = 0; i < 10; i += 1) parent.u32()
    const later = parent.fork('jitter')
    expect(Array.from({ length: 20 }, () => later.u32())).toEqual(
      Array.from({ length: 20 }, () => fresh.u32()),
    )
  })

  it('forks different streams by different labels', () => {
    const rng = seededRng(7)
    expect(rng.fork('a').u32()).not.toBe(rng.fork('b').u32())
  })

  it('spreads draws evenly below a limit, and never reaches it', () => {
    const rng = seededRng(3)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 100_000; i += 1) counts[rng.below(10)]! += 1
    expect(counts).toHaveLength(10)
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })
})
