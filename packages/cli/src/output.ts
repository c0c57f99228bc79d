/**
 * What commands print. Results go to standard output: for people as text, for programs as JSON with stable names.
 * Progress, notes and errors go to standard error, so that a pipe sees results only.
 */
import { styleText } from 'node:util'
import type { CliError } from './cli-error.ts'

export type OutputFormat = 'text' | 'json'
type Style = Parameters<typeof styleText>[0]

export class Output {
  readonly format: OutputFormat

  constructor(format: OutputFormat) {
    this.format = format
  }

  /** The result of a command: `value` as one line of JSON, or the text. Ends with a newline. */
  result(value: unknown, text: () => string): void {
    process.stdout.write((this.format === 'json' ? JSON.stringify(value) : text()) + '\n')
  }

  /** Bytes or text of a stream of results, without newline. Resolves when more may be written. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (process.stdout.write(chunk)) return
    await new Promise<void>((resolve) => process.stdout.once('drain', () => resolve()))
  }

  /** A remark for people, on standard error. Not in JSON mode. */
  note(text: string): void {
    if (this.format === 'text') process.stderr.write(text + '\n')
  }

  error({ code, message, hint }: Pick<CliError, 'code' | 'message' | 'hint'>): void {
    if (this.format === 'json') {
      process.stderr.write(JSON.stringify({ error: { code, message, hint } }) + '\n')
      return
    }
    process.stderr.write(paint('red', 'error:', process.stderr) + ` ${message}\n`)
    if (hint !== null) process.stderr.write(paint('dim', hint, process.stderr) + '\n')
  }
}

/** Text in a style where the stream is a terminal that has colors (NO_COLOR and FORCE_COLOR are obeyed). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true })
}
