/** From what the application passes to what is stored: serdes applied, names of failing fields in the errors. */
import { SerdeError } from '@millrace/client'
import type { Serde } from '@millrace/client'
import type { RecordData, RecordHeaderInput } from '@millrace/record'
import type { HeadersInput } from './producer-record.ts'

/** @throws SerdeError naming field and topic */
export function encodeField<Input>(
  serde: Serde<unknown, Input>,
  value: Input,
  field: 'key' | 'value',
  topic: string,
): RecordData {
  let encoded: RecordData
  try {
    encoded = serde.encode(value)
  } catch (error) {
    throw new SerdeError('encode', `${field} for topic ${topic}`, error)
  }
  if (encoded === null || typeof encoded === 'string' || encoded instanceof Uint8Array) return encoded
  const reason = new TypeError(`expected a string, bytes or null, got ${typeof encoded}`)
  throw new SerdeError('encode', `${field} for topic ${topic}`, reason)
}

export function encodeHeaders(headers: HeadersInput): readonly RecordHeaderInput[] {
  if (isPairs(headers)) return headers.map(([key, value]) => ({ key, value }))
  return Object.entries(headers).map(([key, value]) => ({ key, value }))
}

function isPairs(headers: HeadersInput): headers is Extract<HeadersInput, readonly unknown[]> {
  return Array.isArray(headers)
}
