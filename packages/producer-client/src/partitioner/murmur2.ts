/**
 * The 32-bit murmur2 hash with the seed of Kafka's Java client, so that a key gets the same partition whichever client
 * sends it.
 */
const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const SHIFT = 24

/** @returns a signed 32-bit integer, as Java has it */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  const body = length & ~3
  let hash = SEED ^ length
  for (let at = 0; at < body; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = mix(hash, word)
  }
  if (length > body) {
    const [first, second, third] = [bytes[body]!, bytes[body + 1] ?? 0, bytes[body + 2] ?? 0]
    hash = Math.imul(hash ^ (first | (second << 8) | (third << 16)), MULTIPLIER)
  }
  return finish(hash)
}

/**
 * The same hash of a text's UTF-8 bytes without making them, when all of it is ASCII.
 *
 * @returns null for any other text
 */
export function murmur2Ascii(text: string): number | null {
  const length = text.length
  const body = length & ~3
  let hash = SEED ^ length
  let seen = 0
  let at = 0
  for (; at < body; at += 4) {
    const first = text.charCodeAt(at)
    const second = text.charCodeAt(at + 1)
    const third = text.charCodeAt(at + 2)
    const fourth = text.charCodeAt(at + 3)
    seen |= first | second | third | fourth
    hash = mix(hash, first | (second << 8) | (third << 16) | (fourth << 24))
  }
  if (at < length) {
    let tail = 0
    for (let shift = 0; at < length; at++, shift += 8) {
      const code = text.charCodeAt(at)
      seen |= code
      tail |= code << shift
    }
    hash = Math.imul(hash ^ tail, MULTIPLIER)
  }
  return seen < 0x80 ? finish(hash) : null
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, MULTIPLIER)
  return Math.imul(hash, MULTIPLIER) ^ Math.imul(scrambled ^ (scrambled >>> SHIFT), MULTIPLIER)
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return mixed ^ (mixed >>> 15)
}
