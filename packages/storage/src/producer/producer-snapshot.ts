/**
 * `<end offset>.snapshot`: the producers of a log as they were at an offset, in Kafka's format, version 1: version int16,
 * CRC-32C uint32 over everything behind it, and per producer its id, epoch, last sequence, last offset, offset delta,
 * timestamp, coordinator epoch and where its open transaction began.
 *
 * Kafka keeps the last batch of each producer only. The four before it, and when a producer was seen last, follow behind
 * the entries, where Kafka's reader does not look; files without that are read as well.
 */
import { crc32c, readInt64, writeInt64 } from '@millrace/base'
import type { Offset, TimestampMs } from '@millrace/base'
import { NO_SEQUENCE } from '@millrace/record'
import type { ProducerBatchMetadata, ProducerEntry } from './producer-entry.ts'

const VERSION = 1
const CRC_START = 6
const ENTRIES_START = CRC_START + 4
const ENTRY_BYTES = 46
/** Per producer behind the entries: when it was seen, how many batches follow. */
const ADDED_ENTRY_BYTES = 12
const ADDED_BATCH_BYTES = 24

export function formatProducerSnapshot(entries: readonly ProducerEntry[]): Buffer {
  const older = entries.reduce((sum, { batches }) => sum + Math.max(0, batches.length - 1), 0)
  const addedStart = ENTRIES_START + entries.length * ENTRY_BYTES
  const bytes = Buffer.alloc(addedStart + entries.length * ADDED_ENTRY_BYTES + older * ADDED_BATCH_BYTES)
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(entries.length, CRC_START)
  let position = ENTRIES_START
  for (const entry of entries) position = writeEntry(bytes, position, entry)
  for (const { lastSeenMs, batches } of entries) {
    const before = batches.slice(0, -1)
    writeInt64(bytes, lastSeenMs, position)
    bytes.writeInt32BE(before.length, position + 8)
    position += ADDED_ENTRY_BYTES
    for (const batch of before) position = writeBatch(bytes, position, batch)
  }
  bytes.writeUInt32BE(crc32c(bytes, CRC_START, bytes.length), 2)
  return bytes
}

/** @returns null when it is damaged, cut off, or of another version */
export function parseProducerSnapshot(bytes: Buffer): ProducerEntry[] | null {
  if (bytes.length < ENTRIES_START || bytes.readInt16BE(0) !== VERSION) return null
  if (bytes.readUInt32BE(2) !== crc32c(bytes, CRC_START, bytes.length)) return null
  const count = bytes.readInt32BE(CRC_START)
  const addedStart = ENTRIES_START + count * ENTRY_BYTES
  if (count < 0 || addedStart > bytes.length) return null
  const entries = Array.from({ length: count }, (_, index) =>
    readEntry(bytes, ENTRIES_START + index * ENTRY_BYTES),
  )
  return addedStart === bytes.length ? entries : withAdded(entries, bytes, addedStart)
}

function writeEntry(bytes: Buffer, at: number, entry: ProducerEntry): number {
  const last = entry.batches.at(-1)
  writeInt64(bytes, entry.producerId, at)
  bytes.writeInt16BE(entry.producerEpoch, at + 8)
  bytes.writeInt32BE(last?.lastSequence ?? NO_SEQUENCE, at + 10)
  writeInt64(bytes, last?.lastOffset ?? -1, at + 14)
  bytes.writeInt32BE(last?.offsetDelta ?? 0, at + 22)
  writeInt64(bytes, entry.lastTimestamp, at + 26)
  bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
  writeInt64(bytes, entry.currentTxnFirstOffset, at + 38)
  return at + ENTRY_BYTES
}

function readEntry(bytes: Buffer, at: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10)
  const lastOffset = readInt64(bytes, at + 14) as Offset
  const offsetDelta = bytes.readInt32BE(at + 22)
  const timestamp = readInt64(bytes, at + 26) as TimestampMs
  return {
    producerId: readInt64(bytes, at),
    producerEpoch: bytes.readInt16BE(at + 8),
    batches: lastOffset < 0 ? [] : [{ lastSequence, lastOffset, offsetDelta, timestamp }],
    lastTimestamp: timestamp,
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    currentTxnFirstOffset: readInt64(bytes, at + 38) as Offset,
    lastSeenMs: -1,
  }
}

function withAdded(entries: readonly ProducerEntry[], bytes: Buffer, start: number): ProducerEntry[] | null {
  const complete: ProducerEntry[] = []
  let position = start
  for (const entry of entries) {
    if (position + ADDED_ENTRY_BYTES > bytes.length) return null
    const lastSeenMs = readInt64(bytes, position)
    const count = bytes.readInt32BE(position + 8)
    position += ADDED_ENTRY_BYTES
    if (count < 0 || position + count * ADDED_BATCH_BYTES > bytes.length) return null
    const before = Array.from({ length: count }, (_, index) =>
      readBatch(bytes, position + index * ADDED_BATCH_BYTES),
    )
    position += count * ADDED_BATCH_BYTES
    complete.push({ ...entry, batches: [...before, ...entry.batches], lastSeenMs })
  }
  return position === bytes.length ? complete : null
}

function writeBatch(bytes: Buffer, at: number, batch: ProducerBatchMetadata): number {
  bytes.writeInt32BE(batch.lastSequence, at)
  writeInt64(bytes, batch.lastOffset, at + 4)
  bytes.writeInt32BE(batch.offsetDelta, at + 12)
  writeInt64(bytes, batch.timestamp, at + 16)
  return at + ADDED_BATCH_BYTES
}

function readBatch(bytes: Buffer, at: number): ProducerBatchMetadata {
  return {
    lastSequence: bytes.readInt32BE(at),
    lastOffset: readInt64(bytes, at + 4) as Offset,
    offsetDelta: bytes.readInt32BE(at + 12),
    timestamp: readInt64(bytes, at + 16) as TimestampMs,
  }
}
