/** Record values to measure with: letters that compress about as well as text, the same in every run. */

const LETTERS = 'etaoinshrdlucmfwypvbgkjqxz 0123456789'
const VARIANTS = 64

/** Different values of the same size, to be used in turn. */
export function payloads(bytes: number): Buffer[] {
  let state = 0x2545f491
  const next = (): number => {
    // xorshift32 (Marsaglia 2003): repeatable, which Math.random is not.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  return Array.from({ length: VARIANTS }, () => {
    const payload = Buffer.allocUnsafe(bytes)
    for (let index = 0; index < bytes; index++) payload[index] = LETTERS.charCodeAt(next() % LETTERS.length)
    return payload
  })
}
