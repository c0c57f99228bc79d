/**
 * The files of one replica's metadata log, made out of the calls that its process makes to its disk: which batches are
 * in the log, which of them, and which snapshots and votes, a power cut would leave.
 *
 * Owns: what the disk has, nothing of what the process believes. Must not know: other replicas.
 * Invariants: batches are ordered by offset; everything before `durableCount` is synced and in files whose names are.
 */
import { isSegment, readBatches, snapshotEndOf, type LoggedBatch } from './logged-batch.ts'
import { parseVote, type DurableVote } from './durable-vote.ts'

/** What changed, as far as it may matter to others. */
export interface FilesObserver {
  /** `bytes` begins with the batch. */
  onBatch(files: MetadataFiles, batch: LoggedBatch, bytes: Buffer): void
  /** In the order of their offsets, those that a power cut would have left. */
  onRemoved(files: MetadataFiles, batches: readonly LoggedBatch[]): void
  onVoteWritten(files: MetadataFiles, vote: DurableVote, before: DurableVote | null): void
  onVoteDurable(files: MetadataFiles, vote: DurableVote): void
}

/** Behind a process's back. */
export interface DiskContent {
  /** Paths. */
  files(): readonly string[]
  contentOf(path: string): Buffer
}

interface FileState {
  /** Changes so far; those up to `synced` survive. */
  changes: number
  synced: number
  /** Whether its name survives. */
  isNamed: boolean
  /** Bytes behind the last whole batch of a segment; the content of anything else that is small. */
  tail: Buffer
  tailPosition: number
  batches: LoggedBatch[]
}

const VOTE_FILE = 'quorum-state'
const VOTE_FILE_WRITTEN = 'quorum-state.tmp'
const RENAMED = '.renamed'

export class MetadataFiles {
  readonly node: number
  readonly folder: string
  /** Of the data folder, as soon as it has one. */
  directoryId: string | null = null
  readonly #observer: FilesObserver
  #files = new Map<string, FileState>()
  #batches: LoggedBatch[] = []
  #durableCount = 0
  #vote: DurableVote | null = null
  #durableVote: DurableVote | null = null
  /** How many votes were written; the number of the durable one. */
  #votesWritten = 0
  #votesDurable = 0

  constructor(node: number, folder: string, observer: FilesObserver) {
    this.node = node
    this.folder = folder
    this.#observer = observer
  }

  /** All batches of the log, by offset. */
  get batches(): readonly LoggedBatch[] {
    return this.#batches
  }

  get endOffset(): number {
    return Math.max((this.#batches.at(-1)?.lastOffset ?? -1) + 1, this.#snapshotEnd(false))
  }

  /** Below it everything survives a power cut. */
  get durableEndOffset(): number {
    const last = this.#batches[this.#durableCount - 1]
    return Math.max(last === undefined ? 0 : last.lastOffset + 1, this.durableSnapshotEnd)
  }

  /** Of the latest snapshot that a power cut would leave. */
  get durableSnapshotEnd(): number {
    return this.#snapshotEnd(true)
  }

  get durableVote(): DurableVote | null {
    return this.#durableVote
  }

  /** The batch with this offset in it. */
  batchAt(offset: number): LoggedBatch | undefined {
    let low = 0
    let high = this.#batches.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const batch = this.#batches[middle]!
      if (batch.lastOffset < offset) low = middle + 1
      else if (batch.baseOffset > offset) high = middle - 1
      else return batch
    }
    return undefined
  }

  isDurable(batch: LoggedBatch): boolean {
    return batch.baseOffset < this.durableEndOffset
  }

  /** After a power cut: begins anew with what the disk has. */
  rebuild(disk: DiskContent): void {
    this.#files = new Map()
    this.#batches = []
    this.#vote = null
    this.#durableVote = null
    this.#durableCount = 0
    for (const path of disk.files()) {
      const [name] = path.startsWith(`${this.folder}/`) ? [path.slice(this.folder.length + 1)] : []
      if (name === undefined || name.includes('/')) continue
      const state = newFile()
      state.isNamed = true
      const content = disk.contentOf(path)
      if (isSegment(name)) this.#take(state, content, true)
      else if (name === VOTE_FILE) this.#durableVote = this.#vote = parseVote(content)
      this.#files.set(name, state)
    }
    this.#reorder()
  }

  /* ------------------------------------------------------------ what the process does */

  onCreate(name: string): void {
    this.#files.set(name, newFile())
  }

  onWrite(name: string, bytes: Buffer, position: number): void {
    const file = this.#file(name)
    file.changes += 1
    if (name === VOTE_FILE_WRITTEN) file.tail = spliced(file.tail, bytes, position)
    if (!isSegment(name)) return
    if (position < file.tailPosition + file.tail.length) this.#cut(file, position)
    const added = this.#take(file, bytes, false)
    if (added.length > 0) this.#append(added)
  }

  /** A segment that reaches behind `position`. */
  isWritten(name: string, position: number): boolean {
    const file = this.#files.get(name)
    return file !== undefined && isSegment(name) && position < file.tailPosition + file.tail.length
  }

  /** The bytes that were there already. */
  onWrittenAgain(name: string): void {
    this.#file(name).changes += 1
  }

  onTruncate(name: string, size: number): void {
    const file = this.#file(name)
    file.changes += 1
    if (isSegment(name)) this.#cut(file, size)
    else file.tail = file.tail.subarray(0, size)
  }

  onUnlink(name: string): void {
    const file = this.#files.get(name)
    this.#files.delete(name)
    if (file !== undefined && isSegment(name)) this.#remove(file.batches)
  }

  onRename(from: string, to: string): void {
    const file = this.#file(from)
    this.#files.delete(from)
    this.#files.set(to, file)
    // Of a name that is given away and taken back, either is found by the next start.
    if (from !== to + RENAMED && to !== from + RENAMED) file.isNamed = false
    if (isSegment(from) && !isSegment(to)) this.#remove(file.batches)
    if (to !== VOTE_FILE || from !== VOTE_FILE_WRITTEN) return
    const vote = parseVote(file.tail)
    if (vote === null) return
    this.#observer.onVoteWritten(this, vote, this.#vote)
    this.#vote = vote
    this.#votesWritten += 1
  }

  /** @returns to be called when the sync has succeeded */
  onSync(name: string): () => void {
    const file = this.#file(name)
    const { changes } = file
    return () => {
      file.synced = Math.max(file.synced, changes)
      this.#advanceDurable()
    }
  }

  /** @returns to be called when the sync of the folder has succeeded */
  onSyncFolder(): () => void {
    const named = [...this.#files]
    const vote = this.#vote
    const written = this.#votesWritten
    const voteFile = this.#files.get(VOTE_FILE)
    return () => {
      for (const [name, file] of named) if (this.#files.get(name) === file) file.isNamed = true
      this.#advanceDurable()
      if (vote === null || written <= this.#votesDurable || voteFile?.synced !== voteFile?.changes) return
      this.#votesDurable = written
      this.#durableVote = vote
      this.#observer.onVoteDurable(this, vote)
    }
  }

  /* ------------------------------------------------------------ inside */

  #file(name: string): FileState {
    let file = this.#files.get(name)
    if (file === undefined) this.#files.set(name, (file = newFile()))
    return file
  }

  /** Whole batches move from the tail into the file's list. */
  #take(file: FileState, bytes: Buffer, isOnDisk: boolean): LoggedBatch[] {
    const unread = file.tail.length === 0 ? bytes : Buffer.concat([file.tail, bytes])
    const { batches, end } = readBatches(unread, file.tailPosition, isOnDisk)
    for (const batch of batches) {
      batch.file = file
      batch.change = isOnDisk ? 0 : file.changes
      file.batches.push(batch)
      if (!isOnDisk) this.#observer.onBatch(this, batch, unread.subarray(batch.position - file.tailPosition))
    }
    file.tail = Buffer.from(unread.subarray(end))
    file.tailPosition += end
    return batches
  }

  #append(added: readonly LoggedBatch[]): void {
    const isNext = added[0]!.baseOffset > (this.#batches.at(-1)?.lastOffset ?? -1)
    this.#batches.push(...added)
    if (!isNext) this.#reorder()
  }

  #reorder(): void {
    this.#batches = [...this.#files]
      .filter(([name]) => isSegment(name))
      .flatMap(([, { batches }]) => batches)
      .sort((a, b) => a.baseOffset - b.baseOffset)
    this.#durableCount = 0
    this.#advanceDurable()
  }

  /** Everything from `size` on is gone from the file. */
  #cut(file: FileState, size: number): void {
    if (size >= file.tailPosition) {
      file.tail = file.tail.subarray(0, size - file.tailPosition)
      return
    }
    const kept = file.batches.findIndex(({ endPosition }) => endPosition > size)
    const removed = kept === -1 ? [] : file.batches.splice(kept)
    file.tailPosition = file.batches.at(-1)?.endPosition ?? 0
    file.tail = Buffer.alloc(0)
    this.#remove(removed)
  }

  #remove(removed: readonly LoggedBatch[]): void {
    if (removed.length === 0) return
    const durable = removed.filter((batch) => this.#batches.indexOf(batch) < this.#durableCount)
    if (durable.length > 0) this.#observer.onRemoved(this, durable)
    const gone = new Set(removed)
    this.#batches = this.#batches.filter((batch) => !gone.has(batch))
    this.#durableCount = 0
    this.#advanceDurable()
  }

  #advanceDurable(): void {
    for (; this.#durableCount < this.#batches.length; this.#durableCount += 1) {
      const { file, change, baseOffset } = this.#batches[this.#durableCount]!
      const before = this.#batches[this.#durableCount - 1]
      if (before !== undefined && before.lastOffset + 1 !== baseOffset) return
      const { synced, isNamed } = file as FileState
      if (!isNamed || synced < change) return
    }
  }

  #snapshotEnd(mustBeDurable: boolean): number {
    let end = 0
    for (const [name, { synced, changes, isNamed }] of this.#files) {
      const endOffset = snapshotEndOf(name)
      if (endOffset === null || (mustBeDurable && !(isNamed && synced === changes))) continue
      end = Math.max(end, endOffset)
    }
    return end
  }
}

function newFile(): FileState {
  return { changes: 0, synced: 0, isNamed: false, tail: Buffer.alloc(0), tailPosition: 0, batches: [] }
}

function spliced(content: Buffer, bytes: Buffer, position: number): Buffer {
  return Buffer.concat([content.subarray(0, position), bytes, content.subarray(position + bytes.length)])
}
