/**
 * Thrown inside the decoders when a peer's bytes are not what the schema says, and caught by the few functions that
 * decode a whole frame: it never leaves this package.
 */
import type { CorruptFrame } from './message.ts'

export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** Runs a decoder; what is wrong with the bytes becomes a value, what is wrong with us stays an exception. */
export function orCorrupt<T>(decode: () => T): T | CorruptFrame {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) return { kind: 'corrupt', reason: error.message }
    throw error
  }
}
