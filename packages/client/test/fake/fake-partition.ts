/** A partition's log in memory: batches with offsets stamped, as a broker stores them. */
import { leaderEpoch, nodeId, offset } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'

interface StoredBatch {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly endOffset: number
}

export class FakePartition {
  leader = nodeId(1)
  epoch = leaderEpoch(0)
  logStartOffset = 0
  readonly batches: StoredBatch[] = []
  #waiters: (() => void)[] = []

  get endOffset(): number {
    return this.batches.at(-1)?.endOffset ?? this.logStartOffset
  }

  /** @returns the base offset */
  append(records: Buffer): number {
    const bytes = Buffer.from(records)
    const view = new RecordBatchView(bytes)
    const baseOffset = this.endOffset
    view.stampBaseOffset(offset(baseOffset))
    view.stampLeaderEpoch(this.epoch)
    this.batches.push({ bytes, baseOffset, endOffset: view.lastOffset + 1 })
    this.notify()
    return baseOffset
  }

  read(from: number, maxBytes: number): Buffer {
    const found = this.batches.filter(({ endOffset }) => endOffset > from)
    const taken: Buffer[] = []
    let size = 0
    for (const { bytes } of found) {
      if (taken.length > 0 && size + bytes.length > maxBytes) break
      taken.push(bytes)
      size += bytes.length
    }
    return Buffer.concat(taken)
  }

  /** Runs once at the next append or `notify`. */
  onChange(callback: () => void): void {
    this.#waiters.push(callback)
  }

  notify(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }
}
