/**
 * One line of input as a record: the value alone, key and value with a separator between them, or JSON as
 * `consume --output json` prints it.
 */
import { CliError } from '../cli-error.ts'
import type { JsonBytes } from './record-format.ts'

export interface LineRecord {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  readonly headers?: readonly (readonly [string, Uint8Array | string | null])[]
  readonly partition?: number
  readonly timestamp?: number
}

export interface LineFormat {
  /** Between key and value; null: the line is the value. */
  readonly keySeparator: string | null
  /** This text, as key or value, is null. */
  readonly nullText: string | null
  /** Each line is a JSON object with `value` and, as wanted, `key`, `headers`, `partition`, `timestamp`. */
  readonly json: boolean
}

/** @returns a parser of lines; it throws `CliError` with the line's number */
export function lineParser(format: LineFormat): (line: Buffer, lineNumber: number) => LineRecord {
  if (format.json) return jsonRecord
  const separator = format.keySeparator === null ? null : Buffer.from(format.keySeparator)
  const nullBytes = format.nullText === null ? null : Buffer.from(format.nullText)
  const orNull = (bytes: Buffer): Buffer | null => (nullBytes?.equals(bytes) === true ? null : bytes)
  if (separator === null) return (line) => ({ key: null, value: orNull(line) })
  return (line, lineNumber) => {
    const at = line.indexOf(separator)
    if (at < 0) {
      throw badLine(lineNumber, `has no key separator ${JSON.stringify(format.keySeparator)}`)
    }
    return { key: orNull(line.subarray(0, at)), value: orNull(line.subarray(at + separator.length)) }
  }
}

function jsonRecord(line: Buffer, lineNumber: number): LineRecord {
  let parsed: unknown
  try {
    parsed = JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw badLine(lineNumber, `is no JSON: ${(error as Error).message}`)
  }
  if (typeof parsed !== 'object' || parsed === null || !('value' in parsed)) {
    throw badLine(lineNumber, 'is no object with a "value"')
  }
  const { key = null, value, headers = [], partition, timestamp } = parsed as Record<string, unknown>
  return {
    key: bytesOf(key, 'key', lineNumber),
    value: bytesOf(value, 'value', lineNumber),
    headers: headersOf(headers, lineNumber),
    ...(partition === undefined ? {} : { partition: wholeNumber(partition, 'partition', lineNumber) }),
    ...(timestamp === undefined ? {} : { timestamp: wholeNumber(timestamp, 'timestamp', lineNumber) }),
  }
}

/** Strings are UTF-8, `{ base64 }` is bytes, any other JSON is stored as its text. */
function bytesOf(given: unknown, what: string, lineNumber: number): Uint8Array | string | null {
  if (given === null || typeof given === 'string') return given
  if (typeof given === 'object' && Object.keys(given).length === 1 && 'base64' in given) {
    const { base64 } = given as Extract<JsonBytes, object>
    if (typeof base64 !== 'string') throw badLine(lineNumber, `has a ${what} whose "base64" is no text`)
    return Buffer.from(base64, 'base64')
  }
  return JSON.stringify(given)
}

/** `[{ key, value }]` as printed, or `{ name: value }` as people write it. */
function headersOf(given: unknown, lineNumber: number): [string, Uint8Array | string | null][] {
  if (typeof given !== 'object' || given === null)
    throw badLine(lineNumber, 'has "headers" that are no object')
  if (!Array.isArray(given)) {
    return Object.entries(given).map(([name, value]) => [name, bytesOf(value, `header ${name}`, lineNumber)])
  }
  return given.map((header: { key?: unknown; value?: unknown } | null) => {
    if (typeof header?.key !== 'string') throw badLine(lineNumber, 'has a header without "key"')
    return [header.key, bytesOf(header.value ?? null, `header ${header.key}`, lineNumber)]
  })
}

function wholeNumber(given: unknown, what: string, lineNumber: number): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given
  throw badLine(lineNumber, `has a ${what} that is no whole number`)
}

function badLine(lineNumber: number, problem: string): CliError {
  return new CliError('BAD_LINE', `line ${lineNumber} ${problem}`)
}
