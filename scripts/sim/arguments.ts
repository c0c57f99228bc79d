/** Arguments of the simulator's scripts: what is wrong with one is said in a line, and ends the process with code 2. */

const SEED_MAX = 2 ** 32 - 1

export function usageError(problem: string): never {
  console.error(problem)
  process.exit(2)
}

/** A whole number above 0. */
export function countOf(name: string, text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1)
    usageError(`${name} ${text}: a whole number above 0 is needed`)
  return count
}

/** A number above 0. */
export function durationOf(name: string, text: string): number {
  const duration = Number(text)
  if (text.trim() === '' || !Number.isFinite(duration) || duration <= 0)
    usageError(`${name} ${text}: a number above 0 is needed`)
  return duration
}

export function seedOf(name: string, text: string): number {
  const seed = Number(text)
  if (!/^\d+$/.test(text) || seed > SEED_MAX)
    usageError(`${name} ${text}: a seed is a whole number from 0 to ${SEED_MAX}`)
  return seed
}

/** `7` or `1..500`. */
export function seedRangeOf(name: string, text: string): { readonly from: number; readonly to: number } {
  const [first = '', last = first, ...rest] = text.split('..')
  if (rest.length > 0) usageError(`${name} ${text}: a range is FROM..TO`)
  const range = { from: seedOf(name, first), to: seedOf(name, last) }
  if (range.to < range.from) usageError(`${name} ${text}: the range ends before it begins`)
  return range
}
