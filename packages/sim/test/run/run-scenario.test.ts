import { describe, expect, it } from 'vitest'
import { sim, traceOf } from './sim-process.ts'

describe('a seed', () => {
  it('gives the same trace in two processes, and ends without a violation', async () => {
    const [first, second] = await Promise.all([
      sim('--seed', '3', '--no-shrink'),
      sim('--seed', '3', '--no-shrink'),
    ])
    expect(first.output).toMatch(/0 violations$/m)
    expect(first.code).toBe(0)
    expect(traceOf(second)).toBe(traceOf(first))
  }, 60_000)

  it('gives another trace than another seed', async () => {
    const [first, second] = await Promise.all([
      sim('--seed', '10', '--no-shrink'),
      sim('--seed', '12', '--no-shrink'),
    ])
    expect(traceOf(second)).not.toBe(traceOf(first))
  }, 60_000)
})
