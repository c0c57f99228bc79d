import type { Entropy, Rng } from '@millrace/base'
import type { Incarnation } from './incarnation.ts'

/** Bytes that look like nobody could guess them, the same for the same seed. */
export function simEntropy(rng: Rng, owner: Incarnation): Entropy {
  return {
    bytes(length) {
      owner.assertAlive()
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 4) {
        const word = rng.u32()
        for (let i = 0; i < 4 && at + i < length; i += 1) bytes[at + i] = word >>> (8 * i)
      }
      return bytes
    },
  }
}
