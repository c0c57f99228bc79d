import { randomBytes } from 'node:crypto'
import type { Entropy, Rng } from '../env.ts'
import { seededRng } from '../seeded-rng.ts'

/** Bytes from the operating system's generator. */
export const nodeEntropy: Entropy = {
  bytes(length) {
    const bytes = new Uint8Array(length)
    bytes.set(randomBytes(length))
    return bytes
  },
}

/** A stream of its own for each caller, seeded from the operating system. */
export function nodeRng(): Rng {
  return seededRng(randomBytes(4).readUInt32LE())
}
