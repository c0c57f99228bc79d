import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from '../../src/perf/latency-histogram.ts'

test('quantiles are exact to about three percent, minimum and maximum to a microsecond', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1, maxLength: 500 }),
      (latenciesUs) => {
        const histogram = new LatencyHistogram()
        for (const us of latenciesUs) histogram.record(us / 1000)
        const sorted = latenciesUs.toSorted((a, b) => a - b)
        const exactMs = (fraction: number): number => sorted[Math.ceil(sorted.length * fraction) - 1]! / 1000
        const summary = histogram.summary()
        for (const [found, fraction] of [
          [summary.p50Ms, 0.5],
          [summary.p99Ms, 0.99],
          [summary.p999Ms, 0.999],
        ] as const) {
          expect(found).toBeGreaterThanOrEqual(exactMs(fraction) - 1e-9)
          expect(found).toBeLessThanOrEqual(exactMs(fraction) * 1.032 + 1e-9)
        }
        expect([summary.minMs, summary.maxMs]).toEqual([sorted[0]! / 1000, sorted.at(-1)! / 1000])
      },
    ),
  )
})

test('nothing recorded is zero everywhere', () => {
  expect(new LatencyHistogram().summary()).toEqual({
    count: 0,
    minMs: 0,
    p50Ms: 0,
    p99Ms: 0,
    p999Ms: 0,
    maxMs: 0,
  })
})
