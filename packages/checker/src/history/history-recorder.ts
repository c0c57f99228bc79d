/**
 * Writes a history: numbers the lines, stamps the time, and hands out text.
 * Must not know: the clock and where the text goes; both are given.
 */
import type { HistoryLine } from './history-line.ts'

export type RecordedLine = Omit<HistoryLine, 'i' | 't'>

export class HistoryRecorder {
  readonly #nowMs: () => number
  readonly #write: (text: string) => void
  #next = 0

  /**
   * @param nowMs a clock that never goes back
   * @param write gets one whole line with its line break; called in order, and the order is the history's
   */
  constructor(nowMs: () => number, write: (text: string) => void) {
    this.#nowMs = nowMs
    this.#write = write
  }

  record(line: RecordedLine): void {
    const { proc, f, type, ...rest } = line
    const i = this.#next
    this.#next += 1
    this.#write(formatHistoryLine({ i, proc, f, type, t: this.#nowMs(), ...rest }))
  }
}

/** One line of text, with its line break. */
export function formatHistoryLine(line: HistoryLine): string {
  return `${JSON.stringify(line)}\n`
}
