/**
 * Everything that reads bytes of strangers, against mutants of real batches: answers are values, no throw escapes but
 * the documented one, and nothing comes out larger than its cap.
 */
import type { TimestampMs } from '@millrace/base'
import { expect, it } from 'vitest'
import { fuzz } from '../../../test/fuzz/mutate.ts'
import { checkBatch } from '../src/batch-check.ts'
import { isBatchError } from '../src/batch-error.ts'
import { validateBatch } from '../src/batch-validator.ts'
import { compressionName, CompressionType } from '../src/compression-type.ts'
import { compress, decompress } from '../src/compression.ts'
import { RecordBatchBuilder } from '../src/record-batch-builder.ts'
import { CorruptRecordError, readRecords } from '../src/record-reader.ts'
import { batchSizeAt, RecordBatchView } from '../src/record-batch-view.ts'
import { findByTimestamp, findMaxTimestamp } from '../src/timestamp-search.ts'
import { kafkaVectors, v2Batches } from './vectors.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_123)
const SCALE = Number(process.env['FUZZ_SCALE'] ?? 1)
const CAP = 64 * 1024
const KINDS = [
  'corrupt',
  'invalid-record',
  'invalid-timestamp',
  'too-large',
  'unsupported-compression',
  'unsupported-format',
]
const LIMITS = { maxBatchBytes: CAP, maxDecompressedBytes: CAP, maxTimestamp: (2 ** 45) as TimestampMs }

const packing = Object.values(CompressionType).filter((type) => type !== CompressionType.none)

const DICTIONARY = [
  '82534e4150505900',
  '0000000100000001',
  '04224d18',
  '04224d186040',
  '28b52ffd',
  '1f8b0800',
  '00000000',
  'ffffffff',
  '7fffffff',
  '80000000',
  'ffffffffffffffff',
  'ffffffff0f',
  '8080808010',
  'ffffffffffffffffff01',
  '02',
  '01',
  '00',
].map((hex) => Buffer.from(hex, 'hex'))

function ourBatches(): Buffer[] {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  for (let index = 0; index < 300; index++) {
    builder.tryAppend(index * 1000, `key ${index}`, 'x'.repeat(index % 100), [
      { key: 'h', value: index % 2 ? 'v' : null },
    ])
  }
  const batches: Buffer[] = Object.values(CompressionType).map((compression) =>
    Buffer.from(builder.build({ compression })),
  )
  for (const compression of packing) {
    const bomb = new RecordBatchBuilder({ maxBytes: 1 << 20 })
    bomb.tryAppend(0, 'key', Buffer.alloc(4 * CAP))
    batches.push(bomb.build({ compression }))
  }
  const unknown = Buffer.from(batches[0]!.subarray(0, 100))
  unknown.writeInt16BE(6, 21)
  return [...batches, unknown]
}

/** A mutant with the length and the checksum that its header should have: what lies deeper is reached. */
function repaired(bytes: Buffer): Buffer {
  if (bytes.length < 61) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  copy[16] = 2
  copy.writeInt32BE(copy.length - 12, 8)
  copy.writeUInt32BE(new RecordBatchView(copy).computeCrc(), 17)
  return copy
}

function expectKnown(error: object | null): void {
  if (error !== null && isBatchError(error) && !KINDS.includes(error.kind))
    throw new Error(`unknown kind ${error.kind}`)
}

/** Every byte that a record claims must be in the batch or in what was decompressed. */
function readAll(bytes: Buffer): number | null {
  const reader = readRecords(bytes, { maxDecompressedBytes: CAP })
  if (isBatchError(reader)) {
    expectKnown(reader)
    return null
  }
  let count = 0
  try {
    for (const record of reader) {
      const dataBytes = record.headers.reduce(
        (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
        0,
      )
      const total = dataBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0)
      if (total > Math.max(CAP, bytes.length)) throw new Error(`a record of ${total} bytes`)
      if (record.offset > reader.batch.lastOffset)
        throw new Error(`offset ${record.offset} is behind the batch`)
      count++
    }
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
    return null
  }
  return count
}

it('a mutated batch is answered by every reader, and what the validator accepts is readable to its end', () => {
  const verdicts = new Map<string, number>()
  fuzz({
    seed: SEED,
    executions: 40_000 * SCALE,
    corpus: [...v2Batches, ...ourBatches(), ...kafkaVectors.map(({ bytes }) => bytes)],
    dictionary: DICTIONARY,
    run: (input, random) => {
      const bytes = random(3) === 0 ? input : repaired(input)
      batchSizeAt(bytes, 0)
      expectKnown(checkBatch(bytes, 0, bytes.length))
      const verdict = validateBatch(bytes, 0, bytes.length, {
        ...LIMITS,
        allowControl: random(2) === 0,
        requireKey: random(4) === 0,
      })
      expectKnown(verdict)
      const records = readAll(bytes)
      if (verdict === null && new RecordBatchView(bytes).compression !== CompressionType.none) {
        expect(records).toBe(new RecordBatchView(bytes).recordCount)
      }
      expectKnown(findByTimestamp(bytes, 1_700_000_000_000 as TimestampMs, { maxDecompressedBytes: CAP }))
      expectKnown(findMaxTimestamp(bytes, { maxDecompressedBytes: CAP }))
      const name = verdict?.kind ?? 'accepted'
      verdicts.set(name, (verdicts.get(name) ?? 0) + 1)
    },
  })
  // The mutants reach every verdict, or this proves little.
  expect([...verdicts.keys()].sort()).toEqual(['accepted', ...KINDS].sort())
  expect(verdicts.get('accepted')).toBeGreaterThan(100)
}, 60_000)

it.each(packing.map((type) => [compressionName(type), type] as const))(
  'mutated %s decompresses to at most its cap, or to a reason',
  async (_, type) => {
    const inputs = [10, 1000, 40_000].map((size) =>
      Buffer.alloc(size, 'The quick brown fox jumps over the lazy dog. '),
    )
    const corpus = inputs.map((input) => compress(type, input))
    const rssBefore = process.memoryUsage().rss
    let outputs = 0
    const run = (input: Buffer): void => {
      const output = decompress(type, input, CAP)
      if (isBatchError(output)) return expectKnown(output)
      if (output.length > CAP) throw new Error(`${output.length} bytes came out`)
      outputs++
    }
    for (let slice = 0; slice < 6 * SCALE; slice++) {
      fuzz({ seed: SEED + type + 8 * slice, executions: 1000, corpus, dictionary: DICTIONARY, run })
      // Node frees what a failed zlib call held only after the event loop has turned.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(outputs).toBeGreaterThan(0)
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(256 * 1024 * 1024)
  },
  60_000,
)
