/** Bugs of what carries the core's wishes out: durability, snapshots, images, and the storage below. */
import type { Mutant } from '../mutant/mutant.ts'

const METADATA_LOG = 'packages/metadata-log/src'
const STORAGE = 'packages/storage/src'

export const driverMutants: readonly Mutant[] = [
  {
    id: 'messages-overtake-votes',
    trap: 1,
    title: 'Messages do not wait for the vote that they tell of (barrier: epoch and vote)',
    edits: [
      {
        file: `${METADATA_LOG}/effect-runner.ts`,
        find: 'if (op === null || !this.#persisting.has(op)) return run()',
        replace: 'return run()',
      },
    ],
  },
  {
    id: 'flush-told-early',
    trap: 3,
    title: 'A flush is told when it begins (barrier: log synced → fetch offset, own count)',
    edits: [
      {
        file: `${METADATA_LOG}/log-store.ts`,
        find: 'this.#flushDue = true\n    queueMicrotask(() => {',
        replace:
          'this.#flushDue = true\n    queueMicrotask(() => {\n      this.#options.onFlushed(this.#generation, this.log.logEndOffset)',
      },
    ],
  },
  {
    id: 'snapshot-not-synced',
    trap: 9,
    title: 'A snapshot takes the place of the log before its bytes are on disk (barrier: snapshot file)',
    edits: [
      {
        file: `${METADATA_LOG}/snapshot-writer.ts`,
        find: 'disk.sync(this.#file!, (error) => {',
        replace:
          ';((done: (error: DiskError | null) => void) => queueMicrotask(() => done(null)))((error) => {',
      },
    ],
  },
  {
    id: 'snapshot-name-not-synced',
    trap: 9,
    title: 'A snapshot takes the place of the log before its name is on disk (barrier: snapshot directory)',
    edits: [
      {
        file: `${METADATA_LOG}/snapshot-writer.ts`,
        find: 'syncDirectory(disk, directory, known, (nameError) => {',
        replace:
          ';((done: (error: DiskError | null) => void) => queueMicrotask(() => done(null)))((nameError) => {',
      },
    ],
  },
  {
    id: 'snapshot-claims-less',
    trap: 10,
    title: 'A snapshot says that it ends one record before it does',
    edits: [
      {
        file: `${METADATA_LOG}/snapshot-writer.ts`,
        find: 'endOffset: (lastOffset + 1) as Offset, epoch }',
        replace: 'endOffset: Math.max(1, lastOffset) as Offset, epoch }',
      },
    ],
  },
  {
    id: 'image-misses-records',
    trap: 12,
    title: 'Followers apply the first records of a batch only',
    edits: [
      {
        file: `${METADATA_LOG}/commit-applier.ts`,
        find: 'delta.replayAll(batch.records)',
        replace: 'delta.replayAll(batch.records.slice(0, 2))',
      },
    ],
  },
  {
    id: 'names-not-synced',
    trap: 30,
    title: 'The directory entry of a new segment is not synced (barrier: directory entry)',
    edits: [
      {
        file: `${STORAGE}/flusher.ts`,
        find: 'for (const path of this.#dirtyDirectories) steps.push((done) => syncDirectory(disk, path, 0, done))',
        replace: '',
      },
    ],
  },
  {
    id: 'rename-not-synced',
    trap: 30,
    title: 'The rename of a replaced file is not synced',
    edits: [
      {
        file: `${STORAGE}/replace-file.ts`,
        find: 'syncDirectory(disk, directory, known, done)',
        replace: 'queueMicrotask(() => done(null))',
      },
    ],
  },
  {
    id: 'vote-file-not-synced',
    trap: 1,
    title: 'The bytes of a replaced file are not synced before its rename',
    edits: [
      {
        file: `${STORAGE}/replace-file.ts`,
        find: 'disk.sync(file, (syncError) => {',
        replace: ';((done: (error: null) => void) => queueMicrotask(() => done(null)))((syncError) => {',
      },
    ],
  },
  {
    id: 'torn-tail-kept',
    trap: 31,
    title: 'A tail is kept after a crash whatever its checksum says',
    edits: [
      {
        file: `${STORAGE}/recovery.ts`,
        find: 'verifyFrom: cleanShutdown ? Infinity : recoveryPoint - 1',
        replace: 'verifyFrom: Infinity',
      },
    ],
  },
  {
    id: 'topic-id-unchecked',
    trap: 32,
    title: 'The topic id of a folder is believed, whatever its checksum says',
    edits: [
      {
        file: `${STORAGE}/partition-metadata.ts`,
        find: 'checksum === checksumOf(content!)',
        replace: 'checksum !== content',
      },
    ],
  },
  {
    id: 'damage-read-as-end',
    trap: 32,
    title: 'Damage below the recovery point is read as the end of the log',
    edits: [
      {
        file: `${STORAGE}/recovery.ts`,
        find: 'return !this.#input.cleanShutdown && offset >= this.#input.recoveryPoint\n',
        replace: 'return offset >= 0\n',
      },
      {
        file: `${STORAGE}/recovery.ts`,
        find: 'verifyFrom: cleanShutdown ? Infinity : recoveryPoint - 1',
        replace: 'verifyFrom: 0',
      },
      {
        file: `${STORAGE}/recovery.ts`,
        find: 'if (foundEnd < recoveryPoint && logStartOffset < recoveryPoint) {',
        replace: 'if (foundEnd < 0) {',
      },
    ],
  },
  {
    id: 'sync-error-ignored',
    trap: 33,
    title: 'A failed sync counts as done',
    edits: [
      {
        file: `${STORAGE}/flusher.ts`,
        find: 'failure ??= error\n      outstanding--',
        replace: 'failure ??= null\n      outstanding--',
      },
    ],
  },
  {
    id: 'failed-sync-forgotten',
    trap: 33,
    title: 'What a failed sync left to be seen is taken for stored by the next process',
    edits: [
      {
        file: `${STORAGE}/recovery.ts`,
        find: 'renewLogFolder(this.#disk, directory, recoveryPoint)\n    removeSyncFailedMark(this.#disk, directory)\n    this.#wasInDoubt = true',
        replace: 'removeSyncFailedMark(this.#disk, directory)',
      },
      {
        file: `${STORAGE}/recovery.ts`,
        find: ' && this.#areEpochsFlushed(logEndOffset)',
        replace: '',
      },
    ],
  },
  {
    id: 'appends-after-failure',
    trap: 29,
    title: 'A log takes appends after its disk has failed',
    edits: [
      {
        file: `${STORAGE}/log.ts`,
        find: '#onFailure(error: DiskError): void {\n    this.#failure = error\n',
        replace: '#onFailure(error: DiskError): void {\n',
      },
    ],
  },
  {
    id: 'same-offset-twice',
    trap: 29,
    title:
      'A batch stays in the log whose index entry could not be written, and the next one gets its offset',
    edits: [
      {
        file: `${STORAGE}/staged-batches.ts`,
        find: 'const position = segment.writtenBytes\n',
        replace: 'const position = this.#disk.size(segment.file)\n',
      },
      {
        file: `${STORAGE}/staged-batches.ts`,
        find: 'if (written < this.#bytes) this.#writeRest(segment, position, written)\n    } catch (error) {\n      if (error instanceof DiskError) this.#takeBack(segment, position, error)\n',
        replace:
          'if (written < this.#bytes) this.#writeRest(segment, position, written)\n      segment.persistIndexes()\n    } catch (error) {\n',
      },
      {
        file: `${STORAGE}/log.ts`,
        find: 'if (isOutOfSpace(error) && !(error instanceof DirtyTailError)) {',
        replace: 'if (error instanceof DiskError) {',
      },
    ],
  },
  {
    id: 'half-a-batch-stays',
    trap: 34,
    title: 'What a full disk took of a batch stays in the log',
    edits: [
      {
        file: `${STORAGE}/staged-batches.ts`,
        find: 'this.#disk.truncate(segment.file, position)\n',
        replace: 'segment.onWritten()\n',
      },
    ],
  },
  {
    id: 'full-disk-kills',
    trap: 34,
    title: 'A full disk ends the process',
    edits: [
      {
        file: `${METADATA_LOG}/effect-runner.ts`,
        find: 'if (isOutOfSpace(error) && this.#options.store.log.failure === null) this.#retryLater(effect, error)\n      else this',
        replace: 'this',
      },
    ],
  },
  {
    id: 'segments-dropped-first',
    trap: 35,
    title: 'Segments of a log that a snapshot replaces are dropped before its new start is on disk',
    edits: [
      {
        file: `${STORAGE}/log.ts`,
        find: 'const isForward = offset > this.#logStartOffset\n    this.#logStartOffset = offset',
        replace:
          'const isForward = offset > this.#logStartOffset\n    this.#unlinkSegments(removed, offset)\n    this.#logStartOffset = offset',
      },
      {
        file: `${STORAGE}/log.ts`,
        find: 'this.#persistStartAndRecoveryPoint(isForward, () => this.#unlinkSegments(removed, offset))',
        replace: 'this.#persistStartAndRecoveryPoint(isForward, () => {})',
      },
    ],
  },
  {
    id: 'log-start-not-saved',
    trap: 36,
    title:
      'Segments go, and readers are told so, before the new log start is on disk (barrier: log-start checkpoint)',
    edits: [
      {
        file: `${STORAGE}/log.ts`,
        find: 'this.#options.checkpoints.persistLogStartOffset(this, (error) => {',
        replace: ';((then: DiskDone) => queueMicrotask(() => then(null)))((error) => {',
      },
    ],
  },
  {
    id: 'clean-mark-stays',
    trap: 31,
    title: 'The mark of a clean stop is still there after the first write (barrier: clean-shutdown mark)',
    edits: [
      {
        file: `${STORAGE}/log-directory.ts`,
        find: 'directory.#removeCleanMark()\n',
        replace: '',
      },
    ],
  },
]
