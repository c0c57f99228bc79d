/** Sequence numbers of idempotent producers (KIP-98): int32, from 0, going back to 0 behind 2^31 − 1. */

/** −1: none. */
export const NO_SEQUENCE = -1
const SEQUENCE_MAX = 0x7fffffff

/** @param increment records to go on by: 0 … 2^31 − 1 */
export function addToSequence(sequence: number, increment: number): number {
  return sequence > SEQUENCE_MAX - increment
    ? increment - (SEQUENCE_MAX - sequence) - 1
    : sequence + increment
}

export function subtractFromSequence(sequence: number, decrement: number): number {
  return sequence < decrement ? SEQUENCE_MAX - (decrement - sequence) + 1 : sequence - decrement
}

export function followsSequence(lastSequence: number, baseSequence: number): boolean {
  return baseSequence === addToSequence(lastSequence, 1)
}
