/**
 * The control batch that ends a transaction in a partition (KIP-98): one record whose key is the type, whose value is
 * the epoch of the coordinator that decided.
 */
import type { LeaderEpoch, TimestampMs } from '@millrace/base'
import { RecordBatchBuilder } from './record-batch-builder.ts'

export interface EndTxnMarker {
  readonly type: 'abort' | 'commit'
  /** −1 where the marker has none. */
  readonly coordinatorEpoch: number
}

export interface EndTxnBatch extends EndTxnMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly timestamp: TimestampMs
  /** −1 when left out. */
  readonly partitionLeaderEpoch?: LeaderEpoch
}

const VERSION = 0
const TYPES = ['abort', 'commit'] as const
const MARKER_BYTES_MAX = 128

/** A whole batch of one marker. */
export function buildEndTxnBatch(marker: EndTxnBatch): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(VERSION, 0)
  key.writeInt16BE(TYPES.indexOf(marker.type), 2)
  const value = Buffer.alloc(6)
  value.writeInt16BE(VERSION, 0)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  const builder = new RecordBatchBuilder({ maxBytes: MARKER_BYTES_MAX })
  builder.tryAppend(marker.timestamp, key, value)
  return builder.build({
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
    ...(marker.partitionLeaderEpoch !== undefined && { partitionLeaderEpoch: marker.partitionLeaderEpoch }),
  })
}

/** @returns null for control records of other types, of which a reader takes no notice */
export function parseEndTxnMarker(key: Uint8Array | null, value: Uint8Array | null): EndTxnMarker | null {
  if (key === null || key.length < 4) return null
  const type = TYPES[new DataView(key.buffer, key.byteOffset).getInt16(2)]
  if (type === undefined) return null
  const hasEpoch = value !== null && value.length >= 6
  return { type, coordinatorEpoch: hasEpoch ? new DataView(value.buffer, value.byteOffset).getInt32(2) : -1 }
}
