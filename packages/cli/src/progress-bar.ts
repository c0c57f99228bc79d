/** One line on standard error that shows how far a long command is. Nothing at all unless that is a terminal. */
import { paint } from './output.ts'

const BAR_CELLS = 28
const REDRAW_MS = 100

export class ProgressBar {
  readonly #enabled: boolean
  readonly #label: string
  #drawnAtMs = 0

  constructor(label: string, enabled: boolean) {
    this.#label = label
    this.#enabled = enabled && process.stderr.isTTY
  }

  /** @param fraction 0 … 1 of the work; @param detail what stands behind the bar */
  update(fraction: number, detail: () => string): void {
    if (!this.#enabled) return
    const nowMs = performance.now()
    if (nowMs - this.#drawnAtMs < REDRAW_MS && fraction < 1) return
    this.#drawnAtMs = nowMs
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS)
    const bar =
      paint('cyan', '━'.repeat(filled), process.stderr) +
      paint('dim', '━'.repeat(BAR_CELLS - filled), process.stderr)
    process.stderr.write(
      `\r\x1b[2K${this.#label} ${bar} ${String(Math.floor(fraction * 100)).padStart(3)} %  ${detail()}`,
    )
  }

  clear(): void {
    if (this.#enabled && this.#drawnAtMs > 0) process.stderr.write('\r\x1b[2K')
  }
}
