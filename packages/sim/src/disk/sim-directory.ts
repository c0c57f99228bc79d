/**
 * Names in one simulated directory: as everybody sees them now, as a power cut would leave them at least, and the
 * changes in between. Content is none of its business: a file keeps what was synced even while its name is not durable.
 */
import type { Rng } from '@millrace/base'
import { settleMode, survivors } from './crash-mode.ts'
import type { CrashMode } from './crash-mode.ts'
import type { SimFile } from './sim-file.ts'

export type TreeNode = SimFile | SimDirectory

/** One atomic change of names: null removes. */
type NameChange = ReadonlyMap<string, TreeNode | null>

export class SimDirectory {
  readonly kind = 'directory'
  #current = new Map<string, TreeNode>()
  readonly #durable = new Map<string, TreeNode>()
  #unsynced: NameChange[] = []
  #settledChanges = 0

  get(name: string): TreeNode | undefined {
    return this.#current.get(name)
  }

  entries(): [string, TreeNode][] {
    return [...this.#current].toSorted(([a], [b]) => (a < b ? -1 : 1))
  }

  get isEmpty(): boolean {
    return this.#current.size === 0
  }

  set(name: string, node: TreeNode | null): void {
    this.#change(new Map([[name, node]]))
  }

  rename(from: string, to: string): void {
    this.#change(
      new Map([
        [from, null],
        [to, this.#current.get(from)!],
      ]),
    )
  }

  mark(): number {
    return this.#settledChanges + this.#unsynced.length
  }

  makeDurable(mark: number): void {
    for (const change of this.#takeUntil(mark)) applyNames(this.#durable, change)
  }

  dropUnsynced(mark: number): void {
    this.#takeUntil(mark)
  }

  /** Names first, then everything that still has one. */
  crash(crashMode: CrashMode, rng: Rng): void {
    const kept = survivors(settleMode(crashMode, rng), this.#unsynced.length, rng)
    this.#unsynced.forEach((change, index) => {
      if (kept(index)) applyNames(this.#durable, change)
    })
    this.#settledChanges += this.#unsynced.length
    this.#unsynced = []
    this.#current = new Map(this.#durable)
    for (const [, node] of this.entries()) node.crash(crashMode, rng)
  }

  #change(change: NameChange): void {
    this.#unsynced.push(change)
    applyNames(this.#current, change)
  }

  #takeUntil(mark: number): NameChange[] {
    const taken = this.#unsynced.splice(0, Math.max(0, mark - this.#settledChanges))
    this.#settledChanges += taken.length
    return taken
  }
}

function applyNames(names: Map<string, TreeNode>, change: NameChange): void {
  for (const [name, node] of change) {
    if (node === null) names.delete(name)
    else names.set(name, node)
  }
}
