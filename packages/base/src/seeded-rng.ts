/**
 * Repeatable randomness from a seed: sfc32 (128 bits of state, passes PractRand), 2 ns a draw. A stream forked by a
 * label depends on the parent's seed and the label only, never on how many numbers the parent has drawn.
 * Never for secrets.
 */
import { assert } from './assert.ts'
import type { Rng } from './env.ts'

const TWO_32 = 2 ** 32

export function seededRng(seed: number): Rng {
  return new Sfc32(seed >>> 0)
}

class Sfc32 implements Rng {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#seed = seed
    this.#a = 0x9e3779b9
    this.#b = 0x243f6a88
    this.#c = seed
    // Seeds that differ in one bit start out alike; a dozen rounds make the streams unrelated.
    for (let round = 0; round < 12; round += 1) this.u32()
  }

  u32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  below(limit: number): number {
    assert(Number.isInteger(limit) && limit > 0 && limit <= TWO_32, `limit out of range: ${limit}`)
    // The bias of scaling is at most limit / 2^32: nothing that jitter or sampling could notice.
    return Math.floor((this.u32() / TWO_32) * limit)
  }

  fork(label: string): Rng {
    return new Sfc32(hash(this.#seed, label))
  }
}

/** FNV-1a over the seed and the label, with a final avalanche. */
function hash(seed: number, label: string): number {
  let h = 0x811c9dc5 ^ seed
  for (let i = 0; i < label.length; i += 1) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
