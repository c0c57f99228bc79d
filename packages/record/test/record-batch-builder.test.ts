import type { Offset, LeaderEpoch, TimestampMs } from '@millrace/base'
import { BufferPool } from '@millrace/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { validateBatch } from '../src/batch-validator.ts'
import { CompressionType } from '../src/compression-type.ts'
import type { BuildOptions, RecordData, RecordHeaderInput } from '../src/record-batch-builder.ts'
import { RecordBatchBuilder } from '../src/record-batch-builder.ts'
import { readRecords, type RecordView } from '../src/record-reader.ts'
import { RecordBatchView } from '../src/record-batch-view.ts'
import type { VectorRecord } from './vectors.ts'
import { clientVectors, kafkaVectors, plain } from './vectors.ts'

const limits = { maxBatchBytes: 1 << 22, maxDecompressedBytes: 1 << 22 }

function bytes(hex: string | null): Uint8Array | null {
  return hex === null ? null : Buffer.from(hex, 'hex')
}

/** Encodes a decoded vector again. */
function rebuild(records: readonly VectorRecord[], original: Buffer): Buffer {
  const view = new RecordBatchView(original)
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  const isAppendTime = view.timestampType === 'LogAppendTime'
  for (const { timestamp, key, value, headers } of records) {
    const values = headers.map(([name, header]) => ({ key: name, value: bytes(header) }))
    builder.tryAppend(timestamp, bytes(key), bytes(value), values)
  }
  const batch = builder.build({
    compression: view.compression as CompressionType,
    baseOffset: view.baseOffset,
    partitionLeaderEpoch: view.partitionLeaderEpoch,
    producerId: view.producerId,
    producerEpoch: view.producerEpoch,
    baseSequence: view.baseSequence,
    isTransactional: view.isTransactional,
    isControl: view.isControl,
    ...(isAppendTime && { logAppendTime: view.maxTimestamp }),
  })
  // kfake's producer ids have 63 bits, more than a number holds.
  batch.set(original.subarray(43, 51), 43)
  batch.writeUInt32BE(new RecordBatchView(batch).computeCrc(), 17)
  return batch
}

function read(batch: Buffer): RecordView[] {
  const reader = readRecords(batch, { maxDecompressedBytes: 1 << 22 })
  if ('kind' in reader) throw new Error(reader.message)
  return [...reader]
}

const uncompressed = [
  // Of a log append time the vector holds no record's own time, which is in the bytes nevertheless.
  ...kafkaVectors
    .filter(({ name, batches }) => name.startsWith('v2') && batches[0]!.codec === 'none')
    .map(({ name, bytes: b, batches }) => ({ name, bytes: b, records: batches[0]!.records }))
    .filter(({ name }) => name !== 'v2-log-append-time'),
  ...clientVectors
    .filter(({ codec }) => codec === 'none')
    .map(({ client, source, bytes: b, records }) => ({ name: `${client} ${source}`, bytes: b, records })),
]

describe('the builder', () => {
  it.each(uncompressed)('writes the same bytes as $name', ({ bytes: original, records }) => {
    expect(rebuild(records, original).toString('hex')).toBe(original.toString('hex'))
  })

  it.each(clientVectors.filter(({ codec }) => codec !== 'none'))(
    'writes what $client meant ($codec), in other bytes',
    (vector) => {
      const batch = rebuild(vector.records, vector.bytes)
      expect(read(batch).map(plain)).toEqual(vector.records)
      expect(new RecordBatchView(batch).compression).toBe(CompressionType[vector.codec])
    },
  )
})

const data = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ maxLength: 300, unit: 'binary' }),
  fc.string({ maxLength: 90, unit: 'grapheme-ascii' }),
  // Lone surrogates too: any UTF-16 that a program can hold.
  fc.array(fc.nat(0xffff), { maxLength: 80 }).map((units) => String.fromCharCode(...units)),
)
const header: fc.Arbitrary<RecordHeaderInput> = fc.record({
  key: fc.string({ unit: 'grapheme' }),
  value: data,
})
const record = fc.record({
  timestamp: fc.oneof(fc.nat(2 ** 41), fc.integer({ min: -(2 ** 40), max: 2 ** 42 })),
  key: data,
  value: data,
  headers: fc.array(header, { maxLength: 3 }),
})

function asBytes(value: RecordData): Uint8Array | null {
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value
}

describe('what goes in comes out', () => {
  it.each(Object.entries(CompressionType))(
    'for any records (%s), and the validator accepts it',
    (_, compression) => {
      fc.assert(
        fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), (records) => {
          const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
          for (const { timestamp, key, value, headers } of records) {
            expect(builder.tryAppend(timestamp, key, value, headers)).toBe(true)
          }
          const batch = builder.build({ compression })
          expect(validateBatch(batch, 0, batch.length, limits)).toBeNull()
          expect(
            read(batch).map(({ offset, timestamp, key, value, headers }) => ({
              offset,
              timestamp,
              key,
              value,
              headers,
            })),
          ).toEqual(
            records.map(({ timestamp, key, value, headers }, offset) => ({
              offset,
              timestamp,
              key: asBytes(key),
              value: asBytes(value),
              headers: headers.map((h) => ({ key: Buffer.from(h.key).toString(), value: asBytes(h.value) })),
            })),
          )
          expect(new RecordBatchView(batch).maxTimestamp).toBe(
            Math.max(...records.map(({ timestamp }) => timestamp)),
          )
        }),
        { numRuns: 150 },
      )
    },
  )

  it('for every field of the header', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(1000, null, 'v')
    const options: BuildOptions = {
      producerId: 2 ** 40,
      producerEpoch: 12,
      baseSequence: 2 ** 31 - 1,
      isTransactional: true,
      isControl: true,
      baseOffset: (2 ** 53 - 2) as Offset,
      partitionLeaderEpoch: 9 as LeaderEpoch,
      logAppendTime: 5000 as TimestampMs,
    }
    const { logAppendTime, ...same } = options
    const view = new RecordBatchView(builder.build(options))
    expect(view).toMatchObject({ ...same, maxTimestamp: logAppendTime, timestampType: 'LogAppendTime' })
  })
})

describe('the limit of a batch', () => {
  it('is kept to the byte: a record that does not fit changes nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 20_000 }),
        fc.array(fc.nat(2000), { minLength: 2, maxLength: 40 }),
        fc.boolean(),
        (maxBytes, sizes, asText) => {
          const builder = new RecordBatchBuilder({ maxBytes })
          let kept = 0
          for (const size of sizes) {
            const before = builder.sizeInBytes
            const value = asText ? 'é'.repeat(size / 2) : Buffer.alloc(size)
            const fits = builder.tryAppend(0, null, value)
            if (fits) kept++
            else expect(builder.sizeInBytes).toBe(before)
            if (builder.recordCount > 1) expect(builder.sizeInBytes).toBeLessThanOrEqual(maxBytes)
          }
          const batch = builder.build()
          expect(batch.length).toBe(builder.sizeInBytes)
          expect(read(batch)).toHaveLength(kept)
          expect(validateBatch(batch, 0, batch.length, limits)).toBeNull()
        },
      ),
    )
  })

  it('does not keep out a first record, however large', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 100 })
    expect(builder.tryAppend(0, null, 'x'.repeat(3_000_000))).toBe(true)
    expect(builder.tryAppend(0, null, 'x')).toBe(false)
    expect(read(builder.build())[0]!.value).toHaveLength(3_000_000)
  })

  it('is reached exactly', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 61 + 2 * 8 })
    expect([1, 2, 3].map(() => builder.tryAppend(0, null, 'x'))).toEqual([true, true, false])
    expect(builder.sizeInBytes).toBe(61 + 2 * 8)
  })
})

describe('the buffer', () => {
  it('comes from the pool and goes back to it, also what was outgrown', () => {
    const pool = new BufferPool({ maxPooledBytes: 1 << 22 })
    const builder = new RecordBatchBuilder({ maxBytes: 1 << 20, pool })
    for (let index = 0; index < 100; index++) builder.tryAppend(index, 'key', Buffer.alloc(1000))
    expect(pool.pooledBytes).toBe((16 + 32 + 64) * 1024)
    builder.release()
    expect(pool.pooledBytes).toBe((16 + 32 + 64 + 128) * 1024)
  })

  it('is used again after a reset', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(5, 'ключ', 'старое')
    builder.reset()
    expect(() => builder.build()).toThrow('a batch needs a record')
    builder.tryAppend(7, 'k', 'v')
    expect(read(builder.build()).map((r) => [r.offset, r.timestamp, r.keyText(), r.valueText()])).toEqual([
      [0, 7, 'k', 'v'],
    ])
  })

  it('holds the batch uncompressed, so that it can be built again for a retry', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(5, 'k', 'v'.repeat(100))
    const first = Buffer.from(builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 4 }))
    const zipped = builder.build({ compression: CompressionType.gzip })
    expect(builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 4 })).toEqual(first)
    expect(read(zipped)[0]!.valueText()).toBe('v'.repeat(100))
  })
})
