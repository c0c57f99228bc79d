import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { checkBatch } from '../src/batch-check.ts'
import { CompressionType } from '../src/compression-type.ts'
import { batchSizeAt, RecordBatchView } from '../src/record-batch-view.ts'
import { clientVectors, kafkaVectors } from './vectors.ts'

const kafkaV2 = kafkaVectors.filter(({ name }) => name.startsWith('v2'))

describe('the header of a batch', () => {
  it.each(kafkaV2)('$name says what Kafka reads from it', ({ bytes, batches: [expected] }) => {
    const view = new RecordBatchView(bytes)
    expect({
      magic: view.magic,
      baseOffset: view.baseOffset,
      lastOffset: view.lastOffset,
      sizeInBytes: view.sizeInBytes,
      codec: Object.entries(CompressionType).find(([, id]) => id === view.compression)![0],
      timestampType: view.timestampType,
      maxTimestamp: view.maxTimestamp,
      producerId: view.producerId,
      producerEpoch: view.producerEpoch,
      baseSequence: view.baseSequence,
      transactional: view.isTransactional,
      control: view.isControl,
      partitionLeaderEpoch: view.partitionLeaderEpoch,
      crc: view.crc,
    }).toEqual({ ...expected, records: undefined })
    expect(view.computeCrc()).toBe(view.crc)
  })

  it.each(clientVectors)('of $client ($source, $codec) says what kafka-python reads', (expected) => {
    const view = new RecordBatchView(expected.bytes)
    expect(view.attributes).toBe(expected.attributes)
    expect(view.sizeInBytes).toBe(expected.batchLength + 12)
    expect([view.baseTimestamp, view.maxTimestamp]).toEqual([expected.baseTimestamp, expected.maxTimestamp])
    expect([view.producerId, view.producerEpoch]).toEqual([
      Number(expected.producerId),
      expected.producerEpoch,
    ])
    expect([view.lastOffsetDelta, view.recordCount]).toEqual([expected.lastOffsetDelta, expected.recordCount])
    expect([view.crc, view.computeCrc()]).toEqual([expected.crc32c, expected.crc32c])
  })

  it('is read at any position, by one view for all batches', () => {
    const all = Buffer.concat(kafkaV2.map(({ bytes }) => bytes))
    const view = new RecordBatchView(all)
    const offsets: number[] = []
    for (let position = 0; position < all.length; position = view.end) {
      offsets.push(view.at(all, position).baseOffset)
    }
    expect(offsets).toEqual(kafkaV2.map(({ batches }) => batches[0]!.baseOffset))
  })
})

describe('stamping', () => {
  const copy = () => new RecordBatchView(Buffer.from(kafkaV2[0]!.bytes))

  it('base offset and leader epoch leaves the checksum right', () => {
    const view = copy()
    view.stampBaseOffset(5_000_000_000 as Offset)
    view.stampLeaderEpoch(7 as LeaderEpoch)
    expect(view.bytes).toEqual(kafkaVectors.find(({ name }) => name.includes('5000000000'))!.bytes)
    expect(checkBatch(view.bytes, 0, view.bytes.length)).toBeNull()
  })

  it('a log append time gives the bytes that Kafka writes', () => {
    const expected = kafkaVectors.find(({ name }) => name === 'v2-log-append-time')!
    const view = copy()
    view.stampLogAppendTime(expected.batches[0]!.maxTimestamp as TimestampMs)
    expect(view.bytes).toEqual(expected.bytes)
  })

  it('a producer gives the bytes that Kafka writes', () => {
    const expected = kafkaVectors.find(({ name }) => name === 'v2-idempotent')!
    const view = copy()
    view.stampProducer(4000, 3, 17)
    expect(view.bytes).toEqual(expected.bytes)
  })
})

describe('batchSizeAt', () => {
  const { bytes } = kafkaV2[0]!

  it('finds a batch only when all of it is there', () => {
    expect(batchSizeAt(bytes, 0)).toBe(bytes.length)
    expect(batchSizeAt(Buffer.concat([Buffer.alloc(5), bytes]), 5)).toBe(bytes.length)
    expect(batchSizeAt(bytes, 0, bytes.length - 1)).toBeNull()
    expect(batchSizeAt(bytes, 0, 11)).toBeNull()
    expect(batchSizeAt(bytes, bytes.length)).toBeNull()
  })
})
