import type { TimestampMs } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { batchValidation } from '../src/batch-validation.job.ts'
import type { BatchLimits } from '../src/batch-validator.ts'
import { validateBatch } from '../src/batch-validator.ts'
import { CompressionType } from '../src/compression-type.ts'
import { compress } from '../src/compression.ts'
import type { BuildOptions } from '../src/record-batch-builder.ts'
import { RecordBatchBuilder } from '../src/record-batch-builder.ts'
import { RecordBatchView } from '../src/record-batch-view.ts'
import { clientVectors, kafkaVectors } from './vectors.ts'

const LIMITS: BatchLimits = { maxBatchBytes: 1 << 20, maxDecompressedBytes: 1 << 20 }

function build(options: BuildOptions = {}, timestamps: readonly number[] = [1000, 1001, 1002]): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  for (const timestamp of timestamps) builder.tryAppend(timestamp, 'key', 'value')
  return builder.build(options)
}

/** The batch with some of its bytes changed and its checksum made right again. */
function forged(batch: Buffer, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(batch)
  change(bytes)
  bytes.writeUInt32BE(new RecordBatchView(bytes).computeCrc(), 17)
  return bytes
}

function validate(bytes: Buffer, limits: Partial<BatchLimits> = {}) {
  return validateBatch(bytes, 0, bytes.length, { ...LIMITS, ...limits })
}

/** A batch whose records are these bytes, whatever they are. */
function withRecords(
  records: Buffer,
  recordCount: number,
  compression: CompressionType = CompressionType.none,
): Buffer {
  const body = compress(compression, records)
  return forged(Buffer.concat([build({ compression }).subarray(0, 61), body]), (bytes) => {
    bytes.writeInt32BE(bytes.length - 12, 8)
    bytes.writeInt32BE(recordCount - 1, 23)
    bytes.writeInt32BE(recordCount, 57)
  })
}

describe('a batch is accepted', () => {
  it('when any client made it', () => {
    const produced = clientVectors.filter(({ source, control }) => source === 'produce' && !control)
    expect(produced.length).toBeGreaterThan(30)
    for (const { client, codec, bytes, producerId } of produced) {
      // kfake gives producer ids of 63 bits, which no broker does.
      const verdict = Number.isSafeInteger(Number(producerId)) ? null : { kind: 'invalid-record' }
      if (verdict === null) expect(validate(bytes), `${client} ${codec}`).toBeNull()
      else expect(validate(bytes), `${client} ${codec}`).toMatchObject(verdict)
    }
  })

  it.each(Object.entries(CompressionType))('with compression %s, anywhere in the bytes', (_, compression) => {
    const batch = build({ compression })
    const bytes = Buffer.concat([Buffer.alloc(7, 0xff), batch, Buffer.alloc(9, 0xff)])
    expect(validateBatch(bytes, 7, 7 + batch.length, LIMITS)).toBeNull()
  })

  it('with its control records, where the broker itself writes', () => {
    const marker = build({ isControl: true, isTransactional: true, producerId: 1, producerEpoch: 0 })
    expect(validate(marker)).toMatchObject({ kind: 'invalid-record' })
    expect(validate(marker, { allowControl: true })).toBeNull()
  })
})

describe('a batch is refused', () => {
  const good = build()

  it.each(kafkaVectors.filter(({ name }) => !name.startsWith('v2')))(
    'in the old format: $name',
    ({ bytes }) => {
      expect(validate(bytes)).toMatchObject({ kind: 'unsupported-format' })
    },
  )

  it.each([3, 127, -1])('with magic %i', (magic) => {
    expect(validate(forged(good, (bytes) => bytes.writeInt8(magic, 16)))).toMatchObject({ kind: 'corrupt' })
  })

  it('cut off at any byte', () => {
    for (let end = 0; end < good.length; end++) {
      expect(validateBatch(good, 0, end, LIMITS), `at ${end}`).toMatchObject({ kind: 'invalid-record' })
    }
  })

  it('with any single bit flipped under its checksum', () => {
    for (let bit = 17 * 8; bit < good.length * 8; bit++) {
      const bytes = Buffer.from(good)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(validate(bytes), `bit ${bit}`).toMatchObject({ kind: 'corrupt' })
    }
  })

  it.each([-1, -13, 0, 1, 13, 48, 49, -0x80000000])('with an impossible length of %i', (length) => {
    const bytes = Buffer.from(good)
    bytes.writeInt32BE(length, 8)
    expect(validate(bytes)).toMatchObject({ kind: 'corrupt' })
  })

  it.each<[string, (bytes: Buffer) => void]>([
    ['no records', (bytes) => (bytes.writeInt32BE(0, 57), bytes.writeInt32BE(-1, 23))],
    ['more records than offsets', (bytes) => bytes.writeInt32BE(4, 57)],
    ['fewer records than offsets', (bytes) => bytes.writeInt32BE(2, 57)],
    ['a count that its bytes cannot hold', (bytes) => (bytes.writeInt32BE(5, 57), bytes.writeInt32BE(4, 23))],
    [
      'two billion records',
      (bytes) => (bytes.writeInt32BE(0x7fffffff, 57), bytes.writeInt32BE(0x7ffffffe, 23)),
    ],
    ['a base offset of its own', (bytes) => bytes.writeInt32BE(1, 4)],
    ['a base offset of 2^53', (bytes) => bytes.writeInt32BE(0x200000, 0)],
    ['a negative base offset', (bytes) => bytes.writeInt32BE(-1, 0)],
    ['a producer without sequence', (bytes) => bytes.fill(0, 43, 53)],
    ['a producer id of 2^62', (bytes) => bytes.writeInt32BE(1 << 30, 43)],
    ['a transaction without producer', (bytes) => bytes.writeInt16BE(0x10, 21)],
    ['unknown attributes', (bytes) => bytes.writeInt16BE(0x80, 21)],
    ['a delete horizon', (bytes) => bytes.writeInt16BE(0x40, 21)],
    ['a first record that is too long', (bytes) => bytes.writeInt8(0x7e, 61)],
    ['a first record that is too short', (bytes) => bytes.writeInt8(0x0a, 61)],
    ['a record of negative length', (bytes) => bytes.writeInt8(0x01, 61)],
    ['a length that never ends', (bytes) => bytes.fill(0xff, 61)],
    ['offsets that fall', (bytes) => bytes.writeInt8(0x04, 64)],
    ['offsets that stand still', (bytes) => bytes.writeInt8(0x00, 61 + 15 + 3)],
  ])('as an invalid record: %s', (_, change) => {
    expect(validate(forged(good, change))).toMatchObject({ kind: 'invalid-record' })
  })

  it('with another one behind it', () => {
    const two = Buffer.concat([good, good])
    expect(validate(two)).toMatchObject({ kind: 'invalid-record' })
  })

  it('above the limit of a batch, before anything is computed', () => {
    expect(validate(good, { maxBatchBytes: good.length })).toBeNull()
    expect(validate(Buffer.from(good).fill(1, 17), { maxBatchBytes: good.length - 1 })).toMatchObject({
      kind: 'too-large',
    })
  })

  it('of unknown compression', () => {
    expect(validate(forged(good, (bytes) => bytes.writeInt16BE(6, 21)))).toMatchObject({
      kind: 'unsupported-compression',
    })
  })

  it('with a time that only brokers may give, or outside the limits', () => {
    const at = (timestamp: number) => timestamp as TimestampMs
    expect(validate(build({ logAppendTime: at(5) }))).toMatchObject({ kind: 'invalid-timestamp' })
    expect(validate(good, { maxTimestamp: at(1002), minTimestamp: at(1000) })).toBeNull()
    expect(validate(good, { maxTimestamp: at(1001) })).toMatchObject({ kind: 'invalid-timestamp' })
    expect(validate(good, { minTimestamp: at(1003) })).toMatchObject({ kind: 'invalid-timestamp' })
    expect(validate(build({}, [-1]), { minTimestamp: at(1003) })).toBeNull()
    const zipped = build({ compression: CompressionType.gzip }, [1002, 900, 1001])
    expect(validate(zipped, { minTimestamp: at(1000) })).toMatchObject({
      kind: 'invalid-timestamp',
      recordIndex: 1,
    })
    expect(validate(forged(good, (bytes) => bytes.writeInt32BE(0x7fffffff, 35)))).toMatchObject({
      kind: 'invalid-timestamp',
    })
  })
})

describe('records inside compression', () => {
  const records = build().subarray(61)
  const zipped = (bytes: Buffer, count = 3) => withRecords(bytes, count, CompressionType.zstd)
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(records)
    bytes[at] = value
    return zipped(bytes)
  }

  it('are accepted as they are outside', () => {
    expect(validate(zipped(records))).toBeNull()
  })

  it.each([
    ['one too few', zipped(records.subarray(0, 30)), 2],
    ['one too many', zipped(Buffer.concat([records, records.subarray(30)])), undefined],
    ['a count that lies', zipped(records, 2), undefined],
    ['a wrong length', changed(0, 0x20), 0],
    ['a wrong offset delta', changed(3, 0x02), 1],
    ['a key longer than the record', changed(4, 0x7e), 0],
    ['a key of length −2', changed(4, 0x03), 0],
    ['a value longer than the record', changed(8, 0x20), 0],
    ['headers that are not there', changed(14, 0x02), 0],
    ['a negative number of headers', changed(14, 0x01), 0],
  ])('are refused: %s', (_, bytes, recordIndex) => {
    const error = validate(bytes)
    expect([error?.kind, error?.recordIndex]).toEqual(['invalid-record', recordIndex])
  })

  it('are refused when they cannot be decompressed, for good: the checksum was right', () => {
    const broken = forged(zipped(records), (bytes) => bytes.fill(0xee, 65))
    expect(validate(broken)).toMatchObject({ kind: 'invalid-record' })
  })

  it('are refused when they are a bomb', () => {
    const bomb = withRecords(Buffer.alloc(200 << 20), 3, CompressionType.gzip)
    expect(validate(bomb)).toMatchObject({ kind: 'too-large' })
  })
})

describe('compacted topics', () => {
  it.each(Object.entries(CompressionType))('take no record without key (%s)', (_, compression) => {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(1, 'key', 'value')
    builder.tryAppend(1, '', null)
    const keyed = Buffer.from(builder.build({ compression }))
    builder.tryAppend(1, null, 'value')
    expect(validate(keyed, { requireKey: true })).toBeNull()
    expect(validate(builder.build({ compression }), { requireKey: true })).toMatchObject({
      kind: 'invalid-record',
      recordIndex: 2,
    })
  })
})

describe('the job', () => {
  it('is found by its module and says the same after structured cloning', async () => {
    const { default: run } = (await import(batchValidation.module)) as { default: typeof batchValidation.run }
    const clone = structuredClone({ batch: new Uint8Array(build({ isControl: true })), limits: LIMITS })
    expect(structuredClone(run(clone))).toEqual(validate(build({ isControl: true })))
    expect(run({ batch: build(), limits: LIMITS })).toBeNull()
    expect(batchValidation.pool).toBe('codec')
  })
})
