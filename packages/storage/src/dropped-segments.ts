/**
 * Segments that left the log at its start, on their way off the disk: renamed once the new log start offset is durable,
 * unlinked some time later.
 *
 * Must not know: why they were dropped. Invariant: a file is renamed only after the checkpoint that says that nobody
 * needs it; else a crash would bring the log's start back.
 */
import type { Disk } from '@millrace/base'
import { FileSuffix } from './file-name.ts'
import type { Segment } from './segment.ts'

const SUFFIXES = [FileSuffix.log, FileSuffix.offsetIndex, FileSuffix.timeIndex]

export class DroppedSegments {
  readonly #disk: Disk
  /** Out of the log, and still under their names. */
  #waiting: Segment[] = []
  #renamed: { readonly path: string; readonly unlinkAtMs: number }[] = []

  constructor(disk: Disk) {
    this.#disk = disk
  }

  add(segments: readonly Segment[]): void {
    for (const segment of segments) {
      segment.close()
      this.#waiting.push(segment)
    }
  }

  /** Those to rename once the start that was checkpointed from now on is durable. */
  get waiting(): readonly Segment[] {
    return this.#waiting
  }

  /** First the log, so that what is left after a crash in between is an orphan index. @throws DiskError */
  rename(segments: readonly Segment[], unlinkAtMs: number): void {
    for (const segment of segments) {
      if (!this.#waiting.includes(segment)) continue
      for (const suffix of SUFFIXES) {
        const path = segment.path + suffix
        if (!this.#disk.exists(path)) continue
        this.#disk.rename(path, path + FileSuffix.deleted)
        this.#renamed.push({ path: path + FileSuffix.deleted, unlinkAtMs })
      }
      this.#waiting = this.#waiting.filter((other) => other !== segment)
    }
  }

  /** Unlinks what is due. @throws DiskError */
  purge(nowMonoMs: number): void {
    while (this.#renamed.length > 0 && this.#renamed[0]!.unlinkAtMs <= nowMonoMs) {
      const { path } = this.#renamed[0]!
      if (this.#disk.exists(path)) this.#disk.unlink(path)
      this.#renamed.shift()
    }
  }
}
