/**
 * The anomalies found so far: all are counted, of each kind the first few are kept as examples.
 * Legal and illegal ones of a kind are kept apart, because it depends on more than the kind.
 */
import type { Mode } from '../history/history-line.ts'
import { type AnomalyKind, type Circumstances, type Example, isLegal } from './anomaly.ts'

export interface AnomalyGroup {
  readonly kind: AnomalyKind
  readonly legal: boolean
  readonly count: number
  readonly examples: readonly Example[]
}

export class AnomalyList {
  readonly #mode: Mode
  readonly #examplesMax: number
  readonly #groups = new Map<
    string,
    { kind: AnomalyKind; legal: boolean; count: number; examples: Example[] }
  >()

  constructor(mode: Mode, examplesMax: number) {
    this.#mode = mode
    this.#examplesMax = examplesMax
  }

  /** @param example is only called for the few that are kept */
  add(kind: AnomalyKind, at: Circumstances, example: () => Example): void {
    const legal = isLegal(kind, this.#mode, at)
    const name = `${kind} ${legal}`
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { kind, legal, count: 0, examples: [] }
      this.#groups.set(name, group)
    }
    group.count += 1
    if (group.examples.length < this.#examplesMax) group.examples.push(example())
  }

  /** Illegal ones first, then in the order in which the first of each was found. */
  groups(): readonly AnomalyGroup[] {
    return [...this.#groups.values()].sort((a, b) => Number(a.legal) - Number(b.legal))
  }
}
