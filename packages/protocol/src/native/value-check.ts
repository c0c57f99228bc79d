/** Which values each scalar type of the field language admits: the native wire carries no types of its own. */
import type { ScalarKind } from '../schema/field.ts'

type InlineKind = Exclude<ScalarKind, 'uuid' | 'bytes' | 'records'>

const checks: { readonly [K in InlineKind]: (value: unknown) => boolean } = {
  bool: (value) => typeof value === 'boolean',
  int8: (value) => typeof value === 'number' && (value << 24) >> 24 === value,
  int16: (value) => typeof value === 'number' && (value << 16) >> 16 === value,
  uint16: (value) => typeof value === 'number' && (value & 0xffff) === value,
  int32: (value) => typeof value === 'number' && (value | 0) === value,
  int64: Number.isSafeInteger,
  clampedInt64: Number.isSafeInteger,
  string: (value) => typeof value === 'string' && value.length <= 0x7fff,
}

/** @returns a test whether a value is of that type */
export function valueCheck(kind: InlineKind): (value: unknown) => boolean {
  return checks[kind]
}

const LAST_UUID_CHARS = 'AQgw'

/** 22 characters of URL-safe base64, of which the last one has only two bits. A loop takes half as long as a pattern. */
export function isUuid(value: unknown): boolean {
  if (typeof value !== 'string' || value.length !== 22) return false
  for (let i = 0; i < 22; i++) if (!isBase64Url(value.charCodeAt(i))) return false
  return LAST_UUID_CHARS.includes(value[21]!)
}

function isBase64Url(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f
  )
}
