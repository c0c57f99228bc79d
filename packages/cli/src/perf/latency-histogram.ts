/**
 * Latencies of any number of events in fixed memory: counts in buckets whose width is at most 1/32 of their value, so
 * that a quantile is exact to about 3 %.
 */
const SUB_BUCKETS = 32
const MICROSECONDS_MAX = 2 ** 32

export interface LatencySummary {
  readonly count: number
  readonly minMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(SUB_BUCKETS * 33)
  #count = 0
  #minUs = MICROSECONDS_MAX
  #maxUs = 0

  /** @param count how many events had this latency */
  record(ms: number, count = 1): void {
    const us = Math.min(MICROSECONDS_MAX - 1, Math.max(0, Math.round(ms * 1000)))
    this.#counts[bucketOf(us)]! += count
    this.#count += count
    if (us < this.#minUs) this.#minUs = us
    if (us > this.#maxUs) this.#maxUs = us
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      minMs: this.#count === 0 ? 0 : this.#minUs / 1000,
      p50Ms: this.#quantileMs(0.5),
      p99Ms: this.#quantileMs(0.99),
      p999Ms: this.#quantileMs(0.999),
      maxMs: this.#maxUs / 1000,
    }
  }

  #quantileMs(fraction: number): number {
    let remaining = Math.ceil(this.#count * fraction)
    if (remaining === 0) return 0
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      remaining -= this.#counts[bucket]!
      if (remaining <= 0) return Math.min(this.#maxUs, upperBoundOf(bucket)) / 1000
    }
    return this.#maxUs / 1000
  }
}

/** Values below 32 have their own bucket; above, each power of two is divided into 32. */
function bucketOf(us: number): number {
  if (us < SUB_BUCKETS) return us
  const shift = 31 - Math.clz32(us) - 5
  return (shift + 1) * SUB_BUCKETS + ((us >>> shift) - SUB_BUCKETS)
}

function upperBoundOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  return ((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift - 1
}
