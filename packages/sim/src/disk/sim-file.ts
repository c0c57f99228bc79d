/**
 * Content of one simulated file: what everybody sees now, what a power cut would leave at least, and the changes in
 * between, in order.
 *
 * Must not know: names, directories, faults. Invariant: the durable content plus the unsynced changes is the current
 * content, except after `dropUnsynced` (a failed sync), when what readers see is no longer what the disk will have.
 */
import type { Rng } from '@millrace/base'
import { settleMode, survivors } from './crash-mode.ts'
import type { CrashMode } from './crash-mode.ts'

const SECTOR_BYTES = 512

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }

export class SimFile {
  readonly kind = 'file'
  readonly #current = new Content()
  readonly #durable = new Content()
  #unsynced: Change[] = []
  /** Changes ever made durable or dropped: marks count from the file's creation. */
  #settledChanges = 0

  get size(): number {
    return this.#current.size
  }

  read(into: Uint8Array, position: number): number {
    return this.#current.read(into, position)
  }

  write(bytes: Uint8Array, position: number): void {
    const change: Change = { kind: 'write', position, bytes: Buffer.from(bytes) }
    this.#unsynced.push(change)
    this.#current.apply(change)
  }

  truncate(size: number): void {
    const change: Change = { kind: 'truncate', size }
    this.#unsynced.push(change)
    this.#current.apply(change)
  }

  /** Names all changes so far; a sync that starts now covers exactly these. */
  mark(): number {
    return this.#settledChanges + this.#unsynced.length
  }

  /** The changes before `mark` are on the platter. */
  makeDurable(mark: number): void {
    for (const change of this.#takeUntil(mark)) this.#durable.apply(change)
  }

  /** A sync failed: the kernel took the pages for clean, so that no later sync writes these changes. */
  dropUnsynced(mark: number): void {
    this.#takeUntil(mark)
  }

  crash(crashMode: CrashMode, rng: Rng): void {
    const mode = settleMode(crashMode, rng)
    const grownTo = this.#current.size
    const kept = survivors(mode, this.#unsynced.length, rng)
    this.#unsynced.forEach((change, index) => {
      if (mode === 'torn' && change.kind === 'write') this.#applyTorn(change.position, change.bytes, rng)
      else if (kept(index)) this.#durable.apply(change)
    })
    if (mode === 'zeros' && this.#durable.size < grownTo) this.#durable.resize(grownTo)
    this.#settledChanges += this.#unsynced.length
    this.#unsynced = []
    this.#current.copyFrom(this.#durable)
  }

  /** Changes what is stored, as bit rot does: seen by readers and still there after a power cut. */
  corrupt(change: (bytes: Buffer) => Buffer): void {
    for (const content of [this.#current, this.#durable]) content.replace(change(content.bytes()))
  }

  bytes(): Buffer {
    return Buffer.from(this.#current.bytes())
  }

  #takeUntil(mark: number): Change[] {
    const taken = this.#unsynced.splice(0, Math.max(0, mark - this.#settledChanges))
    this.#settledChanges += taken.length
    return taken
  }

  #applyTorn(position: number, bytes: Buffer, rng: Rng): void {
    for (let from = 0; from < bytes.length;) {
      const sectorEnd = (Math.floor((position + from) / SECTOR_BYTES) + 1) * SECTOR_BYTES - position
      const to = Math.min(sectorEnd, bytes.length)
      if (rng.below(2) === 0) {
        this.#durable.apply({ kind: 'write', position: position + from, bytes: bytes.subarray(from, to) })
      }
      from = to
    }
  }
}

/** Growable bytes; holes read as zeros. */
class Content {
  #bytes: Buffer = Buffer.alloc(0)
  size = 0

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.size)
  }

  read(into: Uint8Array, position: number): number {
    const end = Math.min(this.size, position + into.length)
    if (end <= position) return 0
    into.set(this.#bytes.subarray(position, end))
    return end - position
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') return this.resize(change.size)
    const end = change.position + change.bytes.length
    if (end > this.size) this.resize(end)
    this.#bytes.set(change.bytes, change.position)
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2, 256))
      grown.set(this.bytes())
      this.#bytes = grown
    } else if (size < this.size) {
      this.#bytes.fill(0, size, this.size)
    }
    this.size = size
  }

  replace(bytes: Buffer): void {
    this.#bytes = Buffer.from(bytes)
    this.size = bytes.length
  }

  copyFrom(other: Content): void {
    this.replace(other.bytes())
  }
}
