/**
 * Text in pieces of any size to history lines, in order. Keeps no more than the line that is not complete yet.
 * Must not know: where the text comes from; whoever has a file or a stream pushes it.
 */
import type { HistoryLine } from './history-line.ts'
import { parseHistoryLine } from './line-parser.ts'

export class HistoryReader {
  readonly #onLine: (line: HistoryLine) => void
  #rest = ''
  #lineNumber = 0

  constructor(onLine: (line: HistoryLine) => void) {
    this.#onLine = onLine
  }

  /** @throws HistoryError for a line that is no history line; nothing after it is read */
  push(text: string): void {
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const piece = text.slice(start, end)
      this.#take(this.#rest === '' ? piece : this.#rest + piece)
      this.#rest = ''
      start = end + 1
    }
    this.#rest += text.slice(start)
  }

  /** There is no more: a last line needs no line break. */
  end(): void {
    this.#take(this.#rest)
    this.#rest = ''
  }

  /** Empty lines are counted, not read. */
  #take(text: string): void {
    this.#lineNumber += 1
    if (text.trim() !== '') this.#onLine(parseHistoryLine(text, this.#lineNumber))
  }
}
