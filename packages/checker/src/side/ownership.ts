/**
 * Who owns a partition of a group, from when to when: within one generation no two members at a time. A member owns from
 * its `+` to its `-` or its crash.
 */
import type { AnomalyList } from '../anomaly/anomaly-list.ts'
import type { Evidence } from '../anomaly/anomaly.ts'
import type { HistoryLine } from '../history/history-line.ts'

export class OwnershipCheck {
  readonly #anomalies: AnomalyList
  /** Group, generation and key → its owners. More than one only after an anomaly. */
  readonly #owners = new Map<string, Map<number | string, Evidence>>()
  readonly #ownedBy = new Map<number | string, Set<string>>()

  constructor(anomalies: AnomalyList) {
    this.#anomalies = anomalies
  }

  add(line: HistoryLine): void {
    if (line.f === 'crash') this.#releaseAll(line.proc)
    if (line.f !== 'own' || line.type !== 'ok') return
    for (const mop of line.mops) {
      if (mop[0] !== '+' && mop[0] !== '-') continue
      const [, group, key] = mop
      const name = JSON.stringify([group, line.gen ?? null, key])
      if (mop[0] === '-') this.#release(line.proc, name)
      else this.#own(line, name, group, key)
    }
  }

  #own(line: HistoryLine, name: string, group: string, key: string): void {
    const evidence: Evidence = { i: line.i, proc: line.proc, f: line.f, type: line.type }
    let owners = this.#owners.get(name)
    if (owners === undefined) {
      owners = new Map()
      this.#owners.set(name, owners)
    }
    for (const [other, since] of owners)
      if (other !== line.proc)
        this.#anomalies.add('two-owners', {}, () => ({
          key,
          message: `${line.proc} and ${other} own it in generation ${line.gen ?? 'unknown'} of group ${group}`,
          operations: [since, evidence],
        }))
    owners.set(line.proc, evidence)
    const owned = this.#ownedBy.get(line.proc)
    if (owned === undefined) this.#ownedBy.set(line.proc, new Set([name]))
    else owned.add(name)
  }

  #release(proc: number | string, name: string): void {
    const owners = this.#owners.get(name)
    owners?.delete(proc)
    if (owners?.size === 0) this.#owners.delete(name)
    this.#ownedBy.get(proc)?.delete(name)
  }

  #releaseAll(proc: number | string): void {
    for (const name of this.#ownedBy.get(proc) ?? []) this.#release(proc, name)
  }
}
