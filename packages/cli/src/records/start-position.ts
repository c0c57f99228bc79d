/** Where reading starts, as people say it: `beginning`, `end`, an offset, a time, or how long ago. */
import { InvalidArgumentError } from 'commander'

export type StartPosition = 'beginning' | 'end' | { readonly offset: number } | { readonly timestamp: number }

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** @throws InvalidArgumentError that lists the forms */
export function parseStartPosition(text: string): StartPosition {
  if (text === 'beginning' || text === 'end') return text
  if (/^\d{1,16}$/.test(text)) return { offset: Number(text) }
  const ago = /^-(\d{1,9})([smhd])$/.exec(text)
  if (ago !== null) return { timestamp: Date.now() - Number(ago[1]) * UNIT_MS.get(ago[2]!)! }
  const timestamp = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timestamp)) {
    throw new InvalidArgumentError(
      'Give beginning, end, an offset, a time (2026-11-23T08:00Z), or how long ago (-15m).',
    )
  }
  return { timestamp }
}
