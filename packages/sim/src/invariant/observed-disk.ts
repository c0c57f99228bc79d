/** A process's disk with somebody looking over its shoulder at the folder of the metadata log. */
import type { Disk, DiskError, FileId, OpenMode } from '@millrace/base'
import type { DiskContent, MetadataFiles } from './metadata-files.ts'

export class ObservedDisk implements Disk {
  readonly #disk: Disk
  readonly #files: MetadataFiles
  readonly #content: DiskContent
  readonly #prefix: string
  /** Open files of the folder. */
  readonly #names = new Map<FileId, string>()

  /** @param content what is on the disk, without asking it */
  constructor(disk: Disk, files: MetadataFiles, content: DiskContent) {
    this.#disk = disk
    this.#content = content
    this.#files = files
    this.#prefix = `${files.folder}/`
  }

  open(path: string, mode: OpenMode): FileId {
    const name = this.#nameOf(path)
    if (name === null) return this.#disk.open(path, mode)
    const isNew = mode === 'create' && !this.#disk.exists(path)
    const id = this.#disk.open(path, mode)
    if (isNew) this.#files.onCreate(name)
    this.#names.set(id, name)
    return id
  }

  close(file: FileId): void {
    this.#disk.close(file)
    this.#names.delete(file)
  }

  size(file: FileId): number {
    return this.#disk.size(file)
  }

  pread(file: FileId, into: Uint8Array, position: number): number {
    return this.#disk.pread(file, into, position)
  }

  pwritev(file: FileId, chunks: readonly Uint8Array[], position: number): number {
    const name = this.#names.get(file)
    if (name === undefined) return this.#disk.pwritev(file, chunks, position)
    const before = this.#files.isWritten(name, position) ? this.#content.contentOf(this.#prefix + name) : null
    const written = this.#disk.pwritev(file, chunks, position)
    const bytes = Buffer.concat(chunks).subarray(0, written)
    const isSame = before?.subarray(position, position + written).equals(bytes) ?? false
    if (isSame) this.#files.onWrittenAgain(name)
    else if (written > 0) this.#files.onWrite(name, bytes, position)
    return written
  }

  truncate(file: FileId, bytes: number): void {
    this.#disk.truncate(file, bytes)
    const name = this.#names.get(file)
    if (name !== undefined) this.#files.onTruncate(name, bytes)
  }

  sync(file: FileId, done: (error: DiskError | null) => void): void {
    const name = this.#names.get(file)
    if (name === undefined) return this.#disk.sync(file, done)
    const synced = this.#files.onSync(name)
    this.#disk.sync(file, (error) => {
      if (error === null) synced()
      done(error)
    })
  }

  syncDir(path: string, done: (error: DiskError | null) => void): void {
    if (path !== this.#files.folder) return this.#disk.syncDir(path, done)
    const synced = this.#files.onSyncFolder()
    this.#disk.syncDir(path, (error) => {
      if (error === null) synced()
      done(error)
    })
  }

  rename(from: string, to: string): void {
    this.#disk.rename(from, to)
    const fromName = this.#nameOf(from)
    const toName = this.#nameOf(to)
    if (fromName !== null && toName !== null) this.#files.onRename(fromName, toName)
  }

  unlink(path: string): void {
    const name = this.#nameOf(path)
    // Told first: what the file held is compared with what else the disk has.
    if (name !== null && this.#disk.exists(path)) this.#files.onUnlink(name)
    this.#disk.unlink(path)
  }

  exists(path: string): boolean {
    return this.#disk.exists(path)
  }

  mkdir(path: string): void {
    this.#disk.mkdir(path)
  }

  rmdir(path: string): void {
    this.#disk.rmdir(path)
  }

  list(path: string): ReturnType<Disk['list']> {
    return this.#disk.list(path)
  }

  freeBytes(path: string): number {
    return this.#disk.freeBytes(path)
  }

  #nameOf(path: string): string | null {
    return path.startsWith(this.#prefix) ? path.slice(this.#prefix.length) : null
  }
}
