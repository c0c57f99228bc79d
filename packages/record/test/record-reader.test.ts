import { describe, expect, it } from 'vitest'
import { isBatchError } from '../src/batch-error.ts'
import { RecordBatchBuilder } from '../src/record-batch-builder.ts'
import { CorruptRecordError, readRecords, type RecordReader } from '../src/record-reader.ts'
import { RecordBatchView } from '../src/record-batch-view.ts'
import { clientVectors, kafkaVectors, plain } from './vectors.ts'

const options = { maxDecompressedBytes: 1 << 20 }
const v2 = kafkaVectors.filter(({ name }) => name.startsWith('v2'))
const old = kafkaVectors.filter(({ name }) => !name.startsWith('v2'))

function open(bytes: Buffer, position = 0): RecordReader {
  const reader = readRecords(bytes, { ...options, position })
  if (isBatchError(reader)) throw new Error(reader.message)
  return reader
}

describe('records', () => {
  it.each(v2)('$name are what Kafka reads', ({ bytes, batches }) => {
    expect([...open(bytes)].map(plain)).toEqual(batches[0]!.records)
  })

  it.each(clientVectors)('of $client ($source, $codec) are what kafka-python reads', ({ bytes, records }) => {
    expect([...open(bytes)].map(plain)).toEqual(records)
  })

  it.each(old)('$name are refused: the format is too old', ({ bytes }) => {
    expect(readRecords(bytes, options)).toMatchObject({ kind: 'unsupported-format' })
  })

  it('are read by hand as by iteration, and end with null for good', () => {
    const reader = open(v2[0]!.bytes)
    const offsets: number[] = []
    for (let record = reader.read(); record !== null; record = reader.read()) offsets.push(record.offset)
    expect(offsets).toEqual([0, 1, 2, 3])
    expect(reader.read()).toBeNull()
  })

  it('are found behind other batches, and give text without a detour', () => {
    const first = v2[0]!.bytes
    const record = open(Buffer.concat([first, first]), first.length).read()!
    expect([record.keyText(), record.valueText(), record.headerCount]).toEqual(['k1', 'hello', 2])
  })

  it('are refused when the checksum is wrong, unless nobody asks', () => {
    const bytes = Buffer.from(v2[0]!.bytes)
    bytes[66]! ^= 1
    expect(readRecords(bytes, options)).toMatchObject({ kind: 'corrupt' })
    expect(isBatchError(readRecords(bytes, { ...options, checkCrc: false }))).toBe(false)
  })

  it('that are none, under a right checksum, throw where they are; those before are read', () => {
    const builder = new RecordBatchBuilder({ maxBytes: 1000 })
    builder.tryAppend(0, null, 'a')
    builder.tryAppend(0, null, 'b')
    const bytes = builder.build()
    // Each record has eight bytes; the fifth is its value's length.
    bytes[61 + 8 + 5] = 0x7e
    new RecordBatchView(bytes).stampProducer(1, 1, 1)
    const reader = open(bytes)
    expect(reader.read()!.valueText()).toBe('a')
    expect(() => reader.read()).toThrow(CorruptRecordError)
    expect(() => reader.read()).toThrow('record 1: wrong value length')
  })
})
