/**
 * A block of lines at the end of a terminal that is redrawn in place, with ordinary lines appearing above it. Plain ANSI
 * sequences: the cursor goes up by the lines drawn last, and what lies below is erased.
 */

const ERASE_BELOW = '\u001b[J'
const CURSOR_UP = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A\r`)

interface Terminal {
  write(text: string): unknown
  /** Undefined where it is not known. */
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export class LiveBlock {
  readonly #terminal: Terminal
  #lines: readonly string[] = []

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Replaces the block. */
  draw(lines: readonly string[]): void {
    const shown = this.#fitting(lines)
    this.#terminal.write(CURSOR_UP(this.#lines.length) + ERASE_BELOW + text(shown))
    this.#lines = shown
  }

  /** Writes lines above the block that stay. */
  print(lines: readonly string[]): void {
    const block = this.#lines
    this.#terminal.write(CURSOR_UP(block.length) + ERASE_BELOW + text(lines) + text(block))
  }

  /** What was drawn stays where it is. */
  end(): void {
    this.#lines = []
  }

  /** A line that wraps, or one that has left the screen, could not be redrawn in place. */
  #fitting(lines: readonly string[]): string[] {
    const { columns = 80, rows = 24 } = this.#terminal
    return lines.slice(0, Math.max(1, rows - 1)).map((line) => truncated(line, columns))
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Cuts to a number of visible characters; escape sequences take no room and are kept. */
export function truncated(line: string, columns: number): string {
  let room = columns
  // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
  return line.replace(/(\u001b\[[0-9;]*m)|./gu, (character, sequence: string | undefined) =>
    sequence !== undefined ? sequence : room-- > 0 ? character : '',
  )
}
