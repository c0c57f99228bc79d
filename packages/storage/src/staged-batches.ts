/**
 * Batches appended in this turn and not yet written: one vectored write takes them all to the end of their segment.
 *
 * Owns: views of the callers' bytes, until `write` returns or throws. Must not know: offsets, rolling, durability.
 * Invariant: all chunks belong to one segment, behind its `writtenBytes`; a failed write leaves the file as if nothing
 * had been staged, or says that it could not.
 */
import { DiskError } from '@millrace/base'
import type { Disk } from '@millrace/base'
import type { Segment } from './segment.ts'

/** One call takes at most this much: larger ones block for erratic times. */
const CALL_BYTES_MAX = 2 ** 20
/** Linux' limit of chunks for one call (IOV_MAX). */
const CALL_CHUNKS_MAX = 1024

/** The bytes of a failed write could not be taken back: what the file ends with is unknown. */
export class DirtyTailError extends DiskError {}

export class StagedBatches {
  readonly #disk: Disk
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  clear(): void {
    this.#chunks.length = 0
    this.#bytes = 0
  }

  /**
   * Nothing stays staged, whatever happens.
   * @throws DiskError with the file ending where it did before; DirtyTailError when that failed too
   */
  write(segment: Segment): void {
    const position = segment.writtenBytes
    try {
      const small = this.#bytes <= CALL_BYTES_MAX && this.#chunks.length <= CALL_CHUNKS_MAX
      const written = small ? this.#disk.pwritev(segment.file, this.#chunks, position) : 0
      if (written < this.#bytes) this.#writeRest(segment, position, written)
    } catch (error) {
      if (error instanceof DiskError) this.#takeBack(segment, position, error)
      throw error
    } finally {
      this.clear()
    }
    segment.onWritten()
  }

  /** In calls of bounded size, each continued where it stopped short. */
  #writeRest(segment: Segment, position: number, written: number): void {
    let done = written
    const rest = dropBytes(this.#chunks, written)
    while (rest.length > 0) {
      const call = takeBytes(rest, CALL_BYTES_MAX)
      const count = this.#disk.pwritev(segment.file, call, position + done)
      if (count === 0) throw new DiskError('EIO', segment.logPath, 'write nothing to')
      done += count
      rest.splice(0, rest.length, ...dropBytes(rest, count))
    }
  }

  #takeBack(segment: Segment, position: number, cause: DiskError): void {
    try {
      this.#disk.truncate(segment.file, position)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      throw new DirtyTailError(cause.code, segment.logPath, `write, then (${error.code}) truncate`)
    }
  }
}

/** The chunks without their first `bytes`. */
function dropBytes(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  let index = 0
  while (index < chunks.length && chunks[index]!.length <= left) left -= chunks[index++]!.length
  const rest = chunks.slice(index)
  if (left > 0) rest[0] = rest[0]!.subarray(left)
  return rest
}

/** The first `bytes` of the chunks, or all of them, as far as one call may take. */
function takeBytes(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = []
  let left = bytes
  for (const chunk of chunks) {
    if (left === 0 || taken.length === CALL_CHUNKS_MAX) break
    taken.push(chunk.subarray(0, left))
    left -= Math.min(left, chunk.length)
  }
  return taken
}
