/** Bugs of what carries the core's wishes out: durability, snapshots, images, and the storage below. */
import type { Mutant } from '../mutant/mutant.ts'

const METADATA_LOG = 'packages/metadata-log/src'
const STORAGE = 'packages/storage/src'

export const driverMutants: readonly Mutant[] = [
  {
    id: 'messages-overtake-votes',
    trap: 1,
    title: 'Messages do not wait for the vote that they tell of (barrier: epoch and vote)',
    file: `${METADATA_LOG}/effect-runner.ts`,
    find: 'if (op === null || !this.#persisting.has(op)) return run()',
    replace: 'return run()',
  },
  {
    id: 'flush-told-early',
    trap: 3,
    title: 'A flush is told when it begins (barrier: log synced → fetch offset, own count)',
    file: `${METADATA_LOG}/log-store.ts`,
    find: 'this.#flushDue = true\n    queueMicrotask(() => {',
    replace:
      'this.#flushDue = true\n    queueMicrotask(() => {\n      this.#options.onFlushed(this.#generation, this.log.logEndOffset)',
  },
  {
    id: 'snapshot-not-synced',
    trap: 9,
    title: 'A snapshot takes the place of the log before its bytes are on disk (barrier: snapshot file)',
    file: `${METADATA_LOG}/snapshot-writer.ts`,
    find: 'disk.sync(this.#file!, (error) => {',
    replace: ';((done: (error: DiskError | null) => void) => queueMicrotask(() => done(null)))((error) => {',
  },
  {
    id: 'snapshot-name-not-synced',
    trap: 9,
    title: 'A snapshot takes the place of the log before its name is on disk (barrier: snapshot directory)',
    file: `${METADATA_LOG}/snapshot-writer.ts`,
    find: 'disk.syncDir(directory, (nameError) => {',
    replace:
      ';((done: (error: DiskError | null) => void) => queueMicrotask(() => done(null)))((nameError) => {',
  },
  {
    id: 'snapshot-claims-less',
    trap: 10,
    title: 'A snapshot says that it ends one record before it does',
    file: `${METADATA_LOG}/snapshot-writer.ts`,
    find: 'endOffset: (lastOffset + 1) as Offset, epoch }',
    replace: 'endOffset: Math.max(1, lastOffset) as Offset, epoch }',
  },
  {
    id: 'image-misses-records',
    trap: 12,
    title: 'Followers apply the first records of a batch only',
    file: `${METADATA_LOG}/commit-applier.ts`,
    find: 'delta.replayAll(batch.records)',
    replace: 'delta.replayAll(batch.records.slice(0, 2))',
  },
  {
    id: 'names-not-synced',
    trap: 30,
    title: 'The directory entry of a new segment is not synced (barrier: directory entry)',
    file: `${STORAGE}/flusher.ts`,
    find: 'for (const path of this.#dirtyDirectories) steps.push((done) => disk.syncDir(path, done))',
    replace: '',
  },
  {
    id: 'rename-not-synced',
    trap: 30,
    title: 'The rename of a replaced file is not synced',
    file: `${STORAGE}/replace-file.ts`,
    find: 'disk.syncDir(directory, done)',
    replace: 'queueMicrotask(() => done(null))',
  },
  {
    id: 'vote-file-not-synced',
    trap: 1,
    title: 'The bytes of a replaced file are not synced before its rename',
    file: `${STORAGE}/replace-file.ts`,
    find: 'disk.sync(file, (syncError) => {',
    replace: ';((done: (error: null) => void) => queueMicrotask(() => done(null)))((syncError) => {',
  },
  {
    id: 'torn-tail-kept',
    trap: 31,
    title: 'A tail is kept after a crash whatever its checksum says',
    file: `${STORAGE}/recovery.ts`,
    find: 'const cut = problem !== null && this.#corruption === null && this.#isTorn(segment.endOffset)',
    replace: 'const cut = false as boolean && problem !== null',
  },
  {
    id: 'sync-error-ignored',
    trap: 33,
    title: 'A failed sync counts as done',
    file: `${STORAGE}/flusher.ts`,
    find: 'failure ??= error\n      outstanding--',
    replace: 'failure ??= null\n      outstanding--',
  },
]
