import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { buildEndTxnBatch, parseEndTxnMarker } from '../src/end-txn-marker.ts'
import { readRecords } from '../src/record-reader.ts'
import { RecordBatchView } from '../src/record-batch-view.ts'
import { clientVectors, kafkaVectors } from './vectors.ts'

function markerOf(bytes: Buffer) {
  const reader = readRecords(bytes, { maxDecompressedBytes: 1000 })
  if ('kind' in reader) throw new Error(reader.message)
  const { key, value } = reader.read()!
  return parseEndTxnMarker(key, value)
}

describe('the end of a transaction', () => {
  it.each(['commit', 'abort'] as const)('is written as Kafka writes it: %s', (type) => {
    const expected = kafkaVectors.find(({ name }) => name === `v2-control-${type}`)!
    const header = expected.batches[0]!
    const batch = buildEndTxnBatch({
      type,
      coordinatorEpoch: 5,
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      timestamp: header.maxTimestamp as TimestampMs,
      partitionLeaderEpoch: header.partitionLeaderEpoch as LeaderEpoch,
    })
    new RecordBatchView(batch).stampBaseOffset(header.baseOffset as Offset)
    expect(batch.toString('hex')).toBe(expected.bytes.toString('hex'))
    expect(markerOf(expected.bytes)).toEqual({ type, coordinatorEpoch: 5 })
  })

  it('is understood without the value that some servers leave out', () => {
    const markers = clientVectors.filter(({ control }) => control).map(({ bytes }) => markerOf(bytes))
    expect(markers.length).toBeGreaterThan(0)
    for (const marker of markers) expect(marker).toMatchObject({ coordinatorEpoch: -1 })
  })

  it('is not what other control records are', () => {
    expect(parseEndTxnMarker(Buffer.from('00000002', 'hex'), null)).toBeNull()
    expect(parseEndTxnMarker(Buffer.from('0000ffff', 'hex'), null)).toBeNull()
    expect(parseEndTxnMarker(Buffer.from('0000', 'hex'), null)).toBeNull()
    expect(parseEndTxnMarker(null, null)).toBeNull()
  })
})
