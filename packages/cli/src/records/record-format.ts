/**
 * Keys, values and headers as printed. In JSON, bytes that are UTF-8 become a string and others
 * `{ "base64": "…" }`, so that nothing is lost; in text, control characters are made visible.
 */
import { isUtf8 } from 'node:buffer'

export type JsonBytes = string | { readonly base64: string } | null

interface JsonHeader {
  readonly key: string
  readonly value: JsonBytes
}

export interface PrintedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: JsonBytes
  readonly value: JsonBytes
  readonly headers: readonly JsonHeader[]
}

interface RecordBytes {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Iterable<{ readonly key: string; readonly value: Uint8Array | null }>
}

export function printedRecord({ offset, timestamp, key, value, headers }: RecordBytes): PrintedRecord {
  return {
    offset,
    timestamp,
    key: jsonBytes(key),
    value: jsonBytes(value),
    headers: Array.from(headers, (header) => ({ key: header.key, value: jsonBytes(header.value) })),
  }
}

function jsonBytes(bytes: Uint8Array | null): JsonBytes {
  if (bytes === null) return null
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(view) ? view.toString('utf8') : { base64: view.toString('base64') }
}

/** For one line of a listing. @param charactersMax the rest is cut and counted */
export function visibleText(bytes: JsonBytes, charactersMax = Infinity): string {
  if (bytes === null) return 'null'
  const text = typeof bytes === 'string' ? bytes : `base64:${bytes.base64}`
  const shown = text.length > charactersMax ? text.slice(0, charactersMax) : text
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const visible = shown.replace(/[\x00-\x1f\x7f]/g, (character) => JSON.stringify(character).slice(1, -1))
  return shown === text ? visible : `${visible}… (${text.length} characters)`
}

/** ISO 8601 in UTC; `-` for "none". */
export function timestampText(timestampMs: number): string {
  return timestampMs < 0 || timestampMs > 8.64e15 ? '-' : new Date(timestampMs).toISOString()
}
