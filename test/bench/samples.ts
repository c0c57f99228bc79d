/** Figures of several rounds, by row and column; printed as medians with their range, so that noise shows. */

export class Samples {
  readonly #cells = new Map<string, Map<string, number[]>>()

  add(row: string, figures: Readonly<Record<string, number>>): void {
    const cells = this.#cells.get(row) ?? new Map<string, number[]>()
    this.#cells.set(row, cells)
    for (const [column, value] of Object.entries(figures))
      cells.set(column, [...(cells.get(column) ?? []), value])
  }

  median(row: string, column: string): number {
    const sorted = (this.#cells.get(row)?.get(column) ?? []).toSorted((a, b) => a - b)
    if (sorted.length === 0) return Number.NaN
    const middle = sorted.length >> 1
    return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  }

  /** One line a row: median [min..max] of each figure. */
  print(title: string): void {
    console.log(`\n${title}`)
    const width = Math.max(...[...this.#cells.keys()].map((row) => row.length))
    for (const [row, cells] of this.#cells) {
      const figures = [...cells].map(([column, values]) => {
        const range =
          values.length > 1 ? ` [${short(Math.min(...values))}..${short(Math.max(...values))}]` : ''
        return `${column} ${short(this.median(row, column))}${range}`
      })
      console.log(`  ${row.padEnd(width)}  ${figures.join('   ')}`)
    }
  }
}

export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 100_000) return `${(value / 1e6).toFixed(2)}M`
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toPrecision(3)
}
