/** Messages as `consume` prints them, collected into one chunk of output for each batch. */
import type { Message } from '@millrace/consumer-client'
import { printedRecord, timestampText, visibleText } from './record-format.ts'

export const MESSAGE_FORMATS = ['value', 'key-value', 'full', 'json'] as const
/**
 * `value`: the bytes of the value. `key-value`: key, separator, value, as bytes. `full`: readable, with place and time.
 * `json`: an object a line, with everything.
 */
export type MessageFormat = (typeof MESSAGE_FORMATS)[number]

export type RawMessage = Message<Buffer | null, Buffer | null>

const NEWLINE = Buffer.from('\n')
const NULL = Buffer.from('null')

export class MessagePrinter {
  readonly #append: (message: RawMessage, into: Buffer[]) => void
  #parts: Buffer[] = []

  constructor(format: MessageFormat, keySeparator: string) {
    this.#append = appendAs(format, Buffer.from(keySeparator))
  }

  add(message: RawMessage): void {
    this.#append(message, this.#parts)
    this.#parts.push(NEWLINE)
  }

  /** What was added since the last call. */
  take(): Buffer {
    const chunk = Buffer.concat(this.#parts)
    this.#parts = []
    return chunk
  }
}

function appendAs(format: MessageFormat, separator: Buffer): (message: RawMessage, into: Buffer[]) => void {
  switch (format) {
    case 'value':
      return ({ value }, into) => into.push(value ?? NULL)
    case 'key-value':
      return ({ key, value }, into) => into.push(key ?? NULL, separator, value ?? NULL)
    case 'full':
      return (message, into) => into.push(Buffer.from(fullLine(message)))
    case 'json':
      return (message, into) => into.push(Buffer.from(jsonLine(message)))
  }
}

function fullLine(message: RawMessage): string {
  const { key, value, headers, timestamp } = printedRecord(message)
  const place = `${message.topic}-${message.partition} @ ${message.offset}`
  const shown = headers.map((header) => `${header.key}=${visibleText(header.value)}`)
  const fields = [place, timestampText(timestamp), `key=${visibleText(key)}`, `value=${visibleText(value)}`]
  return [...fields, ...(shown.length === 0 ? [] : [`headers ${shown.join(' ')}`])].join('  ')
}

function jsonLine(message: RawMessage): string {
  const { topic, partition } = message
  return JSON.stringify({ topic, partition, ...printedRecord(message) })
}
