/**
 * Ranges of API versions in Kafka's notation: `3+`, `0-12`, `7`. A range is inclusive at both ends; an open end is
 * bounded by the versions of the API.
 */
import { assert } from '@millrace/base'

/** `3+`, `0-12` or `7`. */
export type VersionsText = `${number}+` | `${number}-${number}` | `${number}`

/** Inclusive; empty when `min > max`. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const ALL_VERSIONS: VersionRange = { min: 0, max: 0x7fff }
export const NO_VERSIONS: VersionRange = { min: 1, max: 0 }

export function parseVersions(text: VersionsText): VersionRange {
  const match = /^(\d+)(\+|-(\d+))?$/.exec(text)
  assert(match !== null, `versions must look like 3+, 0-12 or 7, not ${text}`)
  const min = Number(match[1])
  if (match[2] === '+') return { min, max: ALL_VERSIONS.max }
  const max = match[3] === undefined ? min : Number(match[3])
  assert(min <= max, `versions ${text} end before they start`)
  return { min, max }
}

export function includesVersion(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}

/** The inverse of `parseVersions`. */
export function versionsText(range: VersionRange): string {
  if (range.min > range.max) return 'none'
  if (range.max === ALL_VERSIONS.max) return `${range.min}+`
  return range.min === range.max ? `${range.min}` : `${range.min}-${range.max}`
}
