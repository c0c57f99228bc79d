/** What a person sees of a run: events as lines that stay, and below them, in a terminal, how things stand now. */
import { styleText } from 'node:util'

export interface ViewOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const PLAIN_STATUS_MS = 5000
const COLUMNS = 80

export class View {
  readonly #output: ViewOutput
  #statusLines = 0
  #plainStatusAtMs = Number.NEGATIVE_INFINITY

  constructor(output: ViewOutput = process.stdout) {
    this.#output = output
  }

  /** Whether a status is replaced by the next one. */
  get isLive(): boolean {
    return this.#output.isTTY === true
  }

  /** A line that stays. */
  say(line: string): void {
    this.#erase()
    this.#output.write(`${line}\n`)
  }

  /** Replaces the last one in a terminal; elsewhere its first line is printed once in a while. */
  status(lines: readonly string[]): void {
    if (!this.isLive) {
      if (performance.now() - this.#plainStatusAtMs < PLAIN_STATUS_MS) return
      this.#plainStatusAtMs = performance.now()
      this.#output.write(`${lines[0]}\n`)
      return
    }
    this.#erase()
    const { columns = 0 } = this.#output
    // 0: a terminal that does not tell.
    const width = columns > 0 ? columns : COLUMNS
    for (const line of lines) this.#output.write(`${styleText('dim', line.slice(0, width - 1))}\n`)
    this.#statusLines = lines.length
  }

  #erase(): void {
    // Up to the first line of the status, and everything below it away.
    if (this.#statusLines > 0) this.#output.write(`\u001B[${this.#statusLines}A\u001B[J`)
    this.#statusLines = 0
  }
}
