/**
 * One file of offsets by partition at the top of the data folder, in Kafka's format.
 *
 * Owns: the entries, and the file, which is replaced as a whole. Must not know: what the offsets mean.
 * Invariant: one replacement at a time; who asks meanwhile is served by the next one, with all entries set by then.
 */
import type { Disk, Offset } from '@millrace/base'
import { formatCheckpoint, parseCheckpoint, parseCount } from './checkpoint-file.ts'
import type { DiskDone } from './disk-step.ts'
import type { TopicPartition } from './file-name.ts'
import { replaceFile } from './replace-file.ts'
import { readFile } from './transfer.ts'

/** A file at the top of the data folder can't be read: going on without it could lose data. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError'
  readonly path: string
  constructor(path: string, advice: string) {
    super(`${path} is damaged. ${advice}`)
    this.path = path
  }
}

export class OffsetCheckpoint {
  readonly #disk: Disk
  readonly #directory: string
  readonly #name: string
  readonly #entries = new Map<string, Offset>()
  #running = false
  #waiting: DiskDone[] = []

  private constructor(disk: Disk, directory: string, name: string) {
    this.#disk = disk
    this.#directory = directory
    this.#name = name
  }

  /** A missing file has no entries. @throws DamagedFileError; DiskError */
  static open(disk: Disk, directory: string, name: string): OffsetCheckpoint {
    const checkpoint = new OffsetCheckpoint(disk, directory, name)
    const bytes = readFile(disk, `${directory}/${name}`)
    if (bytes === null) return checkpoint
    const lines = parseCheckpoint(bytes, 3) ?? damaged(`${directory}/${name}`)
    for (const [topic, partition, offsetText] of lines) {
      const offset = parseCount(offsetText!) ?? damaged(`${directory}/${name}`)
      checkpoint.#entries.set(`${topic} ${partition}`, offset as Offset)
    }
    return checkpoint
  }

  get({ topic, partition }: TopicPartition): Offset | undefined {
    return this.#entries.get(`${topic} ${partition}`)
  }

  set({ topic, partition }: TopicPartition, offset: Offset): void {
    this.#entries.set(`${topic} ${partition}`, offset)
  }

  delete({ topic, partition }: TopicPartition): void {
    this.#entries.delete(`${topic} ${partition}`)
  }

  /** @param done runs later, when all entries set before this call are durable, or can't be */
  save(done: DiskDone): void {
    this.#waiting.push(done)
    if (!this.#running) this.#replace()
  }

  #replace(): void {
    this.#running = true
    const waiters = this.#waiting
    this.#waiting = []
    const content = formatCheckpoint([...this.#entries].map(([key, offset]) => [key, offset]))
    replaceFile(this.#disk, this.#directory, this.#name, content, (error) => {
      this.#running = false
      for (const waiter of waiters) waiter(error)
      if (this.#waiting.length > 0 && !this.#running) this.#replace()
    })
  }
}

function damaged(path: string): never {
  throw new DamagedFileError(
    path,
    'Restore it, or delete it to start without: every log is scanned then, and damage taken for a torn tail.',
  )
}
