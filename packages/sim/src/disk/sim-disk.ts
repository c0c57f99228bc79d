/**
 * A disk that loses, tears, fails and corrupts by seed: the worst that `Disk` allows.
 *
 * Owns: the tree of files, open files, faults to come, sync completions to come. Calls act at once on what other calls
 * see; content becomes durable by `sync` and names by `syncDir`, when their completion runs; `crash` throws the rest
 * away. The same seed and calls give the same outcome.
 * Invariants: no completion from before a crash runs after it; file ids from before a crash are refused.
 */
import { DiskError } from '@millrace/base'
import type { DirEntry, Disk, FileId, OpenMode, Rng } from '@millrace/base'
import { SimulatedStop } from '../kernel/simulated-stop.ts'
import type { CrashMode } from './crash-mode.ts'
import { DiskFaults } from './disk-fault.ts'
import type { DiskFault, DiskOperation } from './disk-fault.ts'
import { SimDirectory } from './sim-directory.ts'
import type { TreeNode } from './sim-directory.ts'
import { SimFile } from './sim-file.ts'

type SyncDone = (error: DiskError | null) => void

export interface SimDiskOptions {
  readonly rng: Rng
  /** Runs a completion after `delayMs` of the test's time. Without it completions wait for `settle`. */
  readonly schedule?: (delayMs: number, run: () => void) => void
  /** Syncs take up to this long. Default 0. */
  readonly latencyMsMax?: number
  /** One sync in so many takes up to `stallMsMax` instead. Default 0: none. */
  readonly stallOneIn?: number
  readonly stallMsMax?: number
  /** Told when `stopAfter` strikes, before the call throws. */
  readonly onStop?: () => void
  /** Bytes of file content that fit. Default: no limit. */
  readonly capacityBytes?: number
  /** One in this many reads and writes is short. Default 0: none. `setShort` changes it. */
  readonly shortOneIn?: number
}

interface OpenFile {
  readonly file: SimFile
  readonly path: string
  readonly writable: boolean
}

export class SimDisk implements Disk {
  readonly #options: SimDiskOptions
  #root = new SimDirectory()
  readonly #faults = new DiskFaults()
  readonly #paths = new Map<string, readonly string[]>()
  readonly #open = new Map<FileId, OpenFile>()
  #nextId = 1
  #completions: (() => void)[] = []
  /** Rises with every crash; completions carry the one they were started in. */
  #incarnation = 0
  #capacityBytes: number
  #shortOneIn: number
  /** Latency on top of the usual one, while a fault makes the disk slow. */
  #slowMsMax = 0
  #callsUntilStop = Infinity
  /** Bytes in use, null when a call made them uncertain: counting the tree for each write would be slow. */
  #usedBytes: number | null = null
  /** Calls that change something, so far: what `stopAfter` counts. */
  changes = 0
  /** Something in it is not what anybody wrote. */
  hasFlippedBits = false

  constructor(options: SimDiskOptions) {
    this.#options = options
    this.#capacityBytes = options.capacityBytes ?? Infinity
    this.#shortOneIn = options.shortOneIn ?? 0
  }

  /* ------------------------------------------------------------ the test's side */

  fail(fault: DiskFault): void {
    this.#faults.add(fault)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  /** @param bytes null: as the options say */
  setCapacity(bytes: number | null): void {
    this.#capacityBytes = bytes ?? this.#options.capacityBytes ?? Infinity
  }

  /** @param oneIn one in so many reads and writes is short; 0: none; null: as the options say */
  setShort(oneIn: number | null): void {
    this.#shortOneIn = oneIn ?? this.#options.shortOneIn ?? 0
  }

  /** Syncs take up to so much longer. */
  setSlow(latencyMsMax: number): void {
    this.#slowMsMax = latencyMsMax
  }

  /** No fault is left, neither ordered nor lasting. */
  heal(): void {
    this.#faults.clear()
    this.setShort(null)
    this.setCapacity(null)
    this.setSlow(0)
  }

  /** After `changes` more changing calls, every call throws `SimulatedStop` until `crash`. */
  stopAfter(changes: number): void {
    this.#callsUntilStop = changes
  }

  /** Power cut: unsynced content and names survive as `mode` says, open files and running syncs are gone. */
  crash({ mode }: { readonly mode: CrashMode }): void {
    this.processDied()
    this.#usedBytes = null
    this.#root.crash(mode, this.#options.rng)
  }

  /**
   * Open files and running syncs are gone, but the machine lives: what was not synced is still seen, and may still be
   * lost by a later power cut.
   */
  processDied(): void {
    this.#incarnation++
    this.#completions = []
    this.#open.clear()
    this.#callsUntilStop = Infinity
  }

  /** A new, empty disk in the place of this one. */
  wipe(): void {
    this.processDied()
    this.#usedBytes = null
    this.#root = new SimDirectory()
  }

  /** Paths of all files, sorted. */
  files(): string[] {
    return filesBelow(this.#root, '')
  }

  /** Runs the oldest completion that waits. @returns false when there is none */
  completeNext(): boolean {
    const next = this.#completions.shift()
    next?.()
    return next !== undefined
  }

  /** Runs completions, and those that they start, until none waits. */
  settle(): void {
    while (this.completeNext());
  }

  /** Bit rot at rest. */
  flipBit(path: string, byte: number, bit: number): void {
    this.hasFlippedBits = true
    this.#file(path, 'open').corrupt((bytes) => {
      const flipped = Buffer.from(bytes)
      if (byte < flipped.length) flipped[byte]! ^= 1 << bit
      return flipped
    })
  }

  /** The file's end is gone, or its content replaced, durably and behind everybody's back. */
  replaceAtRest(path: string, change: (bytes: Buffer) => Buffer): void {
    this.#file(path, 'open').corrupt(change)
  }

  /** The file's name is gone, durably and behind everybody's back. */
  deleteAtRest(path: string): void {
    const [parent, name] = this.#parent(path, 'unlink')
    parent.set(name, null)
    parent.makeDurable(parent.mark())
  }

  /** A copy of what readers see. */
  contentOf(path: string): Buffer {
    return this.#file(path, 'open').bytes()
  }

  /** Bytes of all files that have a name. */
  usedBytes(): number {
    return (this.#usedBytes ??= usedBytes(this.#root))
  }

  /* ------------------------------------------------------------ Disk */

  open(path: string, mode: OpenMode): FileId {
    this.#enter('open', path, mode === 'create' && !this.exists(path))
    const [parent, name] = this.#parent(path, 'open')
    let node = parent.get(name)
    if (node === undefined && mode === 'create') {
      node = new SimFile()
      this.#usedBytes = null
      parent.set(name, node)
    }
    if (node === undefined) throw new DiskError('ENOENT', path, 'open')
    if (node.kind === 'directory') throw new DiskError('EISDIR', path, 'open')
    const id = this.#nextId++ as FileId
    this.#open.set(id, { file: node, path, writable: mode !== 'read' })
    return id
  }

  close(id: FileId): void {
    const { path } = this.#opened(id, 'close')
    this.#enter('close', path, false)
    this.#open.delete(id)
  }

  size(id: FileId): number {
    const { file, path } = this.#opened(id, 'size')
    this.#enter('size', path, false)
    return file.size
  }

  pread(id: FileId, into: Uint8Array, position: number): number {
    const { file, path } = this.#opened(id, 'pread')
    this.#enter('pread', path, false)
    return file.read(into.subarray(0, this.#maybeShort(into.length)), position)
  }

  pwritev(id: FileId, chunks: readonly Uint8Array[], position: number): number {
    const { file, path } = this.#writable(id, 'pwritev')
    this.#enter('pwritev', path, true)
    let wanted = 0
    for (const chunk of chunks) wanted += chunk.length
    const room = Math.max(0, file.size - position) + this.#freeBytes()
    if (room < 1 && wanted > 0) throw new DiskError('ENOSPC', path, 'write')
    const written = Math.min(this.#maybeShort(wanted), room)
    this.#usedBytes = null
    let left = written
    for (const chunk of chunks) {
      if (left === 0) break
      const part = left < chunk.length ? chunk.subarray(0, left) : chunk
      file.write(part, position + written - left)
      left -= part.length
    }
    return written
  }

  truncate(id: FileId, bytes: number): void {
    const { file, path } = this.#writable(id, 'truncate')
    this.#enter('truncate', path, true)
    this.#usedBytes = null
    file.truncate(bytes)
  }

  sync(id: FileId, done: SyncDone): void {
    const { file, path } = this.#opened(id, 'sync')
    this.#sync('sync', path, file, done)
  }

  syncDir(path: string, done: SyncDone): void {
    const node = this.#node(path)
    if (node?.kind !== 'directory') throw new DiskError('ENOENT', path, 'sync directory')
    this.#sync('syncDir', path, node, done)
  }

  rename(from: string, to: string): void {
    this.#enter('rename', from, true)
    const [parent, name] = this.#parent(from, 'rename')
    const [toParent, toName] = this.#parent(to, 'rename')
    const node = parent.get(name)
    if (node === undefined) throw new DiskError('ENOENT', from, 'rename')
    if (parent !== toParent) throw new DiskError('EXDEV', from, `rename to another directory ${to}`)
    const target = parent.get(toName)
    this.#usedBytes = null
    if (target?.kind === 'directory' && !target.isEmpty) throw new DiskError('ENOTEMPTY', to, 'rename')
    if (name !== toName) parent.rename(name, toName)
  }

  unlink(path: string): void {
    this.#enter('unlink', path, true)
    const [parent, name] = this.#parent(path, 'unlink')
    const node = parent.get(name)
    if (node === undefined) throw new DiskError('ENOENT', path, 'unlink')
    if (node.kind === 'directory') throw new DiskError('EISDIR', path, 'unlink')
    this.#usedBytes = null
    parent.set(name, null)
  }

  exists(path: string): boolean {
    return this.#node(path) !== undefined
  }

  mkdir(path: string): void {
    this.#enter('mkdir', path, true)
    let directory = this.#root
    for (const name of this.#segments(path)) {
      let node = directory.get(name)
      if (node === undefined) {
        node = new SimDirectory()
        directory.set(name, node)
      }
      if (node.kind === 'file') throw new DiskError('EEXIST', path, 'make directory')
      directory = node
    }
  }

  rmdir(path: string): void {
    this.#enter('rmdir', path, true)
    const [parent, name] = this.#parent(path, 'remove directory')
    const node = parent.get(name)
    if (node?.kind !== 'directory') throw new DiskError('ENOENT', path, 'remove directory')
    if (!node.isEmpty) throw new DiskError('ENOTEMPTY', path, 'remove directory')
    parent.set(name, null)
  }

  list(path: string): DirEntry[] {
    this.#enter('list', path, false)
    const node = this.#node(path)
    if (node?.kind !== 'directory') throw new DiskError('ENOENT', path, 'list directory')
    return node.entries().map(([name, { kind }]) => ({ name, kind }))
  }

  freeBytes(path: string): number {
    this.#enter('freeBytes', path, false)
    return this.#freeBytes()
  }

  /* ------------------------------------------------------------ inside */

  #freeBytes(): number {
    return this.#capacityBytes === Infinity ? Infinity : Math.max(0, this.#capacityBytes - this.usedBytes())
  }

  #sync(operation: 'sync' | 'syncDir', path: string, target: TreeNode, done: SyncDone): void {
    this.#stopIfDue(true)
    const mark = target.mark()
    const incarnation = this.#incarnation
    const complete = () => {
      if (incarnation !== this.#incarnation) return
      const code = this.#faults.next(operation, path)
      if (code === null) target.makeDurable(mark)
      else target.dropUnsynced(mark)
      done(code === null ? null : new DiskError(code, path, operation))
    }
    const { schedule } = this.#options
    if (schedule === undefined) this.#completions.push(complete)
    else schedule(this.#latencyMs(), complete)
  }

  #latencyMs(): number {
    const { latencyMsMax = 0, stallOneIn = 0, stallMsMax = 0, rng } = this.#options
    const stalls = stallOneIn > 0 && rng.below(stallOneIn) === 0
    const usualMs = stalls ? upTo(stallMsMax, rng) : upTo(latencyMsMax, rng)
    return usualMs + upTo(this.#slowMsMax, rng)
  }

  #enter(operation: DiskOperation, path: string, changes: boolean): void {
    this.#stopIfDue(changes)
    const code = this.#faults.next(operation, path)
    if (code !== null) throw new DiskError(code, path, operation)
  }

  #stopIfDue(changes: boolean): void {
    if (this.#callsUntilStop <= 0) {
      this.#options.onStop?.()
      throw new SimulatedStop('the process stopped here')
    }
    if (!changes) return
    this.#callsUntilStop--
    this.changes++
  }

  #maybeShort(bytes: number): number {
    const { rng } = this.#options
    if (this.#shortOneIn === 0 || bytes < 2 || rng.below(this.#shortOneIn) > 0) return bytes
    return 1 + rng.below(bytes - 1)
  }

  #opened(id: FileId, operation: string): OpenFile {
    const opened = this.#open.get(id)
    if (opened === undefined) throw new DiskError('EBADF', `file ${id}`, operation)
    return opened
  }

  #writable(id: FileId, operation: string): OpenFile {
    const opened = this.#opened(id, operation)
    if (!opened.writable) throw new DiskError('EBADF', opened.path, operation)
    return opened
  }

  #file(path: string, operation: string): SimFile {
    const node = this.#node(path)
    if (node?.kind !== 'file') throw new DiskError('ENOENT', path, operation)
    return node
  }

  #node(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root
    for (const name of this.#segments(path)) {
      if (node?.kind !== 'directory') return undefined
      node = node.get(name)
    }
    return node
  }

  #parent(path: string, operation: string): [SimDirectory, string] {
    const names = this.#segments(path)
    const name = names.at(-1)
    let parent: TreeNode | undefined = this.#root
    for (let i = 0; i < names.length - 1 && parent?.kind === 'directory'; i += 1)
      parent = parent.get(names[i]!)
    if (name === undefined || parent?.kind !== 'directory') throw new DiskError('ENOENT', path, operation)
    return [parent, name]
  }

  /** Paths come again and again. */
  #segments(path: string): readonly string[] {
    let names = this.#paths.get(path)
    if (names === undefined) this.#paths.set(path, (names = segments(path)))
    return names
  }
}

function segments(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** A time of up to `maxMs`, in whole microseconds or so; no draw when it can only be 0. */
function upTo(maxMs: number, rng: Rng): number {
  return maxMs === 0 ? 0 : rng.below(maxMs * 1024 + 1) / 1024
}

function filesBelow(directory: SimDirectory, prefix: string): string[] {
  return directory
    .entries()
    .flatMap(([name, node]) =>
      node.kind === 'file' ? [`${prefix}/${name}`] : filesBelow(node, `${prefix}/${name}`),
    )
}

function usedBytes(directory: SimDirectory): number {
  let sum = 0
  for (const [, node] of directory.entries()) sum += node.kind === 'file' ? node.size : usedBytes(node)
  return sum
}
