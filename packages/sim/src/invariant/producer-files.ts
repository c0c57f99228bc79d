/**
 * What the logs of a stopped broker say of their producers (`.snapshot`, Kafka's format), against what their batches say: the
 * one follows from the other, whatever was cut, fetched, recovered or dropped meanwhile (RELIABILITY.md §2.3, 14).
 */
import { readInt64 } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import type { DiskContent } from './metadata-files.ts'
import { readBatches } from './logged-batch.ts'

interface LastBatch {
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastOffset: number
}

const SNAPSHOT = /^(.*)\/(\d{20})\.snapshot$/
const SEGMENT = /\/\d{20}\.log$/
const COUNT_AT = 6
const ENTRIES_AT = 10
const ENTRY_BYTES = 46

/**
 * @param folder of the logs
 * @param mayForget a producer may have been idle for so long, by the wall clock, that it was forgotten
 * @returns what a snapshot says that the log does not, in words; null: nothing
 */
export function producerDivergence(disk: DiskContent, folder: string, mayForget: boolean): string | null {
  for (const path of disk.files()) {
    const [, log, digits] = SNAPSHOT.exec(path) ?? []
    if (log === undefined || !log.startsWith(`${folder}/`) || log.includes('-delete')) continue
    const { firstOffset, replayed } = replay(disk, log, Number(digits))
    const told = entriesOf(disk.contentOf(path))
    for (const [id, entry] of told) {
      const known = replayed.get(id)
      // Its batches may have been dropped by retention.
      if (known === undefined && entry.lastOffset < firstOffset) continue
      if (JSON.stringify(known) !== JSON.stringify(entry)) return difference(path, id, entry, known)
    }
    for (const [id, known] of replayed)
      if (!mayForget && !told.has(id)) return difference(path, id, undefined, known)
  }
  return null
}

function difference(
  path: string,
  id: number,
  told: LastBatch | undefined,
  replayed: LastBatch | undefined,
): string {
  const words = (batch: LastBatch | undefined): string =>
    batch === undefined ? 'nothing' : JSON.stringify(batch)
  return `${path} knows ${words(told)} of producer ${id}, whose batches say ${words(replayed)}`
}

/** The last batch of each producer, of those that end at or below `endOffset`. */
function replay(
  disk: DiskContent,
  log: string,
  endOffset: number,
): { readonly firstOffset: number; readonly replayed: ReadonlyMap<number, LastBatch> } {
  const replayed = new Map<number, LastBatch>()
  let firstOffset = endOffset
  for (const path of disk.files().toSorted()) {
    if (!path.startsWith(`${log}/`) || !SEGMENT.test(path)) continue
    const bytes = disk.contentOf(path)
    const view = new RecordBatchView(bytes)
    for (const { position, baseOffset, lastOffset, isControl } of readBatches(bytes, 0, false).batches) {
      firstOffset = Math.min(firstOffset, baseOffset)
      const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = view.at(bytes, position)
      if (producerId < 0 || isControl || lastOffset >= endOffset) continue
      replayed.set(producerId, { producerEpoch, lastSequence: baseSequence + lastOffsetDelta, lastOffset })
    }
  }
  return { firstOffset, replayed }
}

function entriesOf(bytes: Buffer): ReadonlyMap<number, LastBatch> {
  const entries = new Map<number, LastBatch>()
  const count = bytes.length < ENTRIES_AT ? 0 : bytes.readInt32BE(COUNT_AT)
  for (let at = ENTRIES_AT; at < ENTRIES_AT + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    entries.set(readInt64(bytes, at), {
      producerEpoch: bytes.readInt16BE(at + 8),
      lastSequence: bytes.readInt32BE(at + 10),
      lastOffset: readInt64(bytes, at + 14),
    })
  }
  return entries
}
