/**
 * Short strings and uuids that arrive again and again (topic names, client ids, topic ids), found by their bytes
 * instead of being made anew: making a string from bytes costs a call out of the engine, about ten times as much.
 * Bounded: a fixed number of slots, and the newcomer replaces what is there.
 */
import { uuidFromBytes, ZERO_UUID, type Uuid } from '@millrace/base'

const SLOTS = 1024
export const CACHED_TEXT_BYTES = 64

const texts: (string | undefined)[] = Array.from({ length: SLOTS }, () => undefined)

/** @returns the text, or null when the bytes are not ASCII; at most `CACHED_TEXT_BYTES` of them */
export function cachedAscii(bytes: Buffer, start: number, end: number): string | null {
  let hash = 0
  let bits = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    hash = (Math.imul(hash, 31) + byte) | 0
    bits |= byte
  }
  if (bits >= 0x80) return null
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1)
  const known = texts[slot]
  if (known !== undefined && equals(known, bytes, start, end)) return known
  const text = bytes.toString('latin1', start, end)
  texts[slot] = text
  return text
}

function equals(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== bytes[i]) return false
  return true
}

interface CachedUuid {
  readonly words: readonly [number, number, number, number]
  readonly uuid: Uuid
}

const uuids: (CachedUuid | undefined)[] = Array.from({ length: SLOTS }, () => undefined)

/** The id in the 16 bytes from `start` on. */
export function cachedUuid(bytes: Buffer, start: number): Uuid {
  const a = bytes.readInt32BE(start)
  const b = bytes.readInt32BE(start + 4)
  const c = bytes.readInt32BE(start + 8)
  const d = bytes.readInt32BE(start + 12)
  if ((a | b | c | d) === 0) return ZERO_UUID
  const hash = a ^ b ^ c ^ d
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1)
  const known = uuids[slot]
  if (known !== undefined) {
    const { words } = known
    if (words[0] === a && words[1] === b && words[2] === c && words[3] === d) return known.uuid
  }
  const uuid = uuidFromBytes(bytes.subarray(start, start + 16))
  uuids[slot] = { words: [a, b, c, d], uuid }
  return uuid
}
