/**
 * A file of fixed-size entries in rising order: what offset and time index have in common.
 *
 * Owns: the entries. The index of an active segment lives in memory and is written out in pieces by `persist`; the index of a
 * closed one stays on disk and is searched there, entry by entry, so that old segments cost no memory.
 * Must not know: what an entry means.
 * Invariants: entries below `#persisted` are on disk as they are in memory; an index is a hint that can be rebuilt
 * from the log, so that nothing here is ever synced for its own sake; an index without an entry needs no file, and one that
 * did not change costs nothing: most partitions of a large cluster are at rest.
 */
import { assert } from '@millrace/base'
import type { Disk, DiskError, FileId } from '@millrace/base'
import { readFully, writeFully } from './transfer.ts'

const MIN_MEMORY_BYTES = 256
/** Of an index without entries: most partitions of a large cluster are too small to have any. */
const NO_BYTES = Buffer.alloc(0)

export class IndexFile {
  readonly path: string
  readonly entryBytes: number
  /** Where the entry that `locate` found lies. */
  bytes: Buffer
  readonly #disk: Disk
  /** Of an index that is searched on disk. */
  #scratch: Buffer | null = null
  #file: FileId | null = null
  #memory: Buffer | null
  #entries: number
  #persisted: number
  /** The file, if there is one, has bytes behind the last persisted entry. */
  #mustTrim: boolean
  #isMissing = true
  /** What a sync is for: changes of the file so far, and those of them that are known to be on disk. */
  #changes: number
  #syncedChanges = 0

  private constructor(disk: Disk, path: string, entryBytes: number, memory: Buffer | null, entries: number) {
    this.#disk = disk
    this.path = path
    this.entryBytes = entryBytes
    this.#memory = memory
    this.#entries = entries
    this.#persisted = memory === null ? entries : 0
    this.#mustTrim = memory !== null
    this.#changes = 0
    this.bytes = memory ?? NO_BYTES
  }

  /** Empty, in memory; what the file may hold is overwritten at the first `persist`. */
  static create(disk: Disk, path: string, entryBytes: number): IndexFile {
    return new IndexFile(disk, path, entryBytes, NO_BYTES, 0)
  }

  /** What is on disk, to be searched there; no entries when there is no file. */
  static open(disk: Disk, path: string, entryBytes: number, isThere = disk.exists(path)): IndexFile {
    if (!isThere) return new IndexFile(disk, path, entryBytes, null, 0)
    const file = disk.open(path, 'write')
    const size = disk.size(file)
    const index = new IndexFile(disk, path, entryBytes, null, Math.floor(size / entryBytes))
    index.#file = file
    // The process before this one may have been killed.
    index.#changes = 1
    index.#isMissing = false
    index.#mustTrim = size % entryBytes !== 0
    return index
  }

  get entries(): number {
    return this.#entries
  }

  get inMemory(): boolean {
    return this.#memory !== null
  }

  /** No file was found, and none was made since. */
  get isMissing(): boolean {
    return this.#isMissing
  }

  /** The file has bytes that are no whole entry: it was cut. */
  get isRagged(): boolean {
    return this.#memory === null && this.#mustTrim
  }

  /** @returns the position in `bytes` of an entry; valid until the next call */
  locate(entry: number): number {
    assert(entry >= 0 && entry < this.#entries, `no entry ${entry} in ${this.path}`)
    if (this.#memory !== null) return entry * this.entryBytes
    this.#scratch ??= Buffer.alloc(this.entryBytes)
    this.bytes = this.#scratch
    const read = readFully(this.#disk, this.#openFile(), this.#scratch, entry * this.entryBytes)
    // The file may have lost its end behind our back; zeros point to the start of the segment, where a search is right.
    this.#scratch.fill(0, read)
    return 0
  }

  /** Makes room for one more entry in memory. @returns its position in `bytes` */
  append(): number {
    assert(this.#memory !== null, `append to a closed index: ${this.path}`)
    const at = this.#entries * this.entryBytes
    if (at + this.entryBytes > this.#memory.length) {
      const grown = Buffer.alloc(Math.max(MIN_MEMORY_BYTES, this.#memory.length * 2))
      grown.set(this.#memory)
      this.#memory = grown
      this.bytes = grown
    }
    this.#entries++
    return at
  }

  /** Keeps the first `entries`. */
  truncate(entries: number): void {
    assert(this.#memory !== null, `truncation of a closed index: ${this.path}`)
    if (entries >= this.#entries) return
    this.#entries = entries
    if (this.#persisted > entries) {
      this.#persisted = entries
      this.#mustTrim = true
    }
  }

  /** Brings the entries into memory, so that the index can change. */
  load(): void {
    if (this.#memory !== null) return
    const bytes = this.#entries * this.entryBytes
    const memory = bytes === 0 ? NO_BYTES : Buffer.alloc(Math.max(MIN_MEMORY_BYTES, bytes))
    const read = bytes === 0 ? 0 : readFully(this.#disk, this.#openFile(), memory.subarray(0, bytes), 0)
    this.#entries = Math.floor(read / this.entryBytes)
    this.#persisted = this.#entries
    this.#memory = memory
    this.bytes = memory
  }

  /** Writes what is only in memory; not synced. */
  persist(): void {
    if (this.#memory === null || (this.#persisted === this.#entries && !this.#mustTrim)) return
    if (this.#entries === 0 && this.#file === null && !this.#disk.exists(this.path)) {
      this.#mustTrim = false
      return
    }
    this.#changes += 1
    const file = this.#openFile()
    const from = this.#persisted * this.entryBytes
    const to = this.#entries * this.entryBytes
    if (this.#mustTrim) this.#disk.truncate(file, from)
    this.#mustTrim = false
    writeFully(this.#disk, file, this.path, this.#memory.subarray(from, to), from)
    this.#persisted = this.#entries
  }

  get pendingEntries(): number {
    return this.#entries - this.#persisted
  }

  /** Persists and gives the memory back: the index changes no more. */
  seal(): void {
    this.persist()
    this.#memory = null
    this.bytes = NO_BYTES
  }

  /** @param done runs when what was persisted is durable, or can't be: at once when it is already */
  sync(done: (error: DiskError | null) => void): void {
    const changes = this.#changes
    if (changes === this.#syncedChanges) return done(null)
    this.#disk.sync(this.#openFile(), (error) => {
      if (error === null && changes > this.#syncedChanges) this.#syncedChanges = changes
      done(error)
    })
  }

  close(): void {
    if (this.#file === null) return
    const file = this.#file
    this.#file = null
    this.#disk.close(file)
  }

  #openFile(): FileId {
    if (this.#file === null) {
      this.#file = this.#disk.open(this.path, 'create')
      this.#isMissing = false
    }
    return this.#file
  }
}
