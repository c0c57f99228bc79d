import type { Entropy, Rng } from '../env.ts'
import { seededRng } from '../seeded-rng.ts'

// Web Crypto's global instead of `node:crypto`: it is loaded when it is used, not when this module is imported.

/** Bytes from the operating system's generator. */
export const nodeEntropy: Entropy = {
  bytes(length) {
    return crypto.getRandomValues(new Uint8Array(length))
  },
}

/** A stream of its own for each caller, seeded from the operating system. */
export function nodeRng(): Rng {
  return seededRng(crypto.getRandomValues(new Uint32Array(1))[0]!)
}
