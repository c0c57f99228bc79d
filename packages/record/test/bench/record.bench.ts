/**
 * What records cost: node --conditions=source packages/record/test/bench/record.bench.ts
 *
 * One thread, batches of 1 MB at most, best of several rounds, everything in the cache: limits of the code, not of a
 * client. Each case runs in a process of its own, because cases that share one spoil each other's type feedback.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { crc32c } from '@millrace/base'
import { crc32cByTable } from '../../../base/src/crc32c.ts'
import { isBatchError } from '../../src/batch-error.ts'
import { validateBatch } from '../../src/batch-validator.ts'
import { CompressionType } from '../../src/compression-type.ts'
import { compress, decompress } from '../../src/compression.ts'
import type { RecordData } from '../../src/record-batch-builder.ts'
import { RecordBatchBuilder } from '../../src/record-batch-builder.ts'
import { readRecords } from '../../src/record-reader.ts'

const ROUNDS = 60
const KEY_BYTES = 14
const LIMITS = { maxBatchBytes: 1 << 21, maxDecompressedBytes: 1 << 22 }

interface Case {
  readonly unit: 'M records/s' | 'GB/s'
  /** Does its work once. @returns how many records, or bytes */
  readonly run: () => number
}

function records(size: number, make: (text: string) => RecordData): { key: RecordData; value: RecordData }[] {
  const text = (index: number, length: number) =>
    Buffer.from(String(index).padStart(length, 'abcdefgh')).toString('latin1')
  return Array.from({ length: Math.floor(900_000 / size) }, (_, index) => ({
    key: make(text(index, KEY_BYTES)),
    value: make(text(index, size - KEY_BYTES)),
  }))
}

function fill(builder: RecordBatchBuilder, input: readonly { key: RecordData; value: RecordData }[]): number {
  builder.reset()
  for (let index = 0; index < input.length; index++) {
    const { key, value } = input[index]!
    builder.tryAppend(1_700_000_000_000 + (index >> 4), key, value)
  }
  return input.length
}

function encode(size: number, make: (text: string) => RecordData, withCrc: boolean): Case {
  const input = records(size, make)
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  return {
    unit: 'M records/s',
    run: () => {
      const count = fill(builder, input)
      if (withCrc) builder.build()
      return count
    },
  }
}

function built(size: number, compression: CompressionType = CompressionType.none): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  fill(
    builder,
    records(size, (text) => Buffer.from(text)),
  )
  return builder.build({ compression })
}

function decode(size: number, use: 'offset' | 'value' | 'text'): Case {
  const batch = built(size)
  const options = { maxDecompressedBytes: 0, checkCrc: false }
  return {
    unit: 'M records/s',
    run: () => {
      const reader = readRecords(batch, options)
      if (isBatchError(reader)) throw new Error(reader.message)
      let seen = 0
      for (let record = reader.read(); record !== null; record = reader.read()) {
        if (use === 'offset') seen += record.offset
        else if (use === 'value') seen += record.value!.length
        else seen += record.valueText()!.length
      }
      return seen >= 0 ? reader.batch.recordCount : 0
    },
  }
}

function validate(size: number, requireKey: boolean): Case {
  const batch = built(size)
  const count = batch.readInt32BE(57)
  return {
    unit: 'M records/s',
    run: () => (validateBatch(batch, 0, batch.length, { ...LIMITS, requireKey }) === null ? count : 0),
  }
}

function checksum(size: number, crc: (bytes: Uint8Array) => number): Case {
  const bytes = Buffer.alloc(size, 'x')
  const repeats = Math.ceil(1_000_000 / size)
  return {
    unit: 'GB/s',
    run: () => {
      for (let left = repeats; left > 0; left--) crc(bytes)
      return repeats * size
    },
  }
}

function codec(type: CompressionType, direction: 'compress' | 'decompress'): Case {
  const input = built(100).subarray(61)
  const packed = compress(type, input)
  return {
    unit: 'GB/s',
    run: () =>
      (direction === 'compress' ? compress(type, input) : (decompress(type, packed, 1 << 21), input)) &&
      input.length,
  }
}

const asText = (text: string): RecordData => text
const asBytes = (text: string): RecordData => Buffer.from(text)
const asAccented = (text: string): RecordData => `é${text.slice(2)}`

const cases: Record<string, () => Case> = {
  'encode 100 B, bytes': () => encode(100, asBytes, false),
  'encode 100 B, bytes, with header and CRC': () => encode(100, asBytes, true),
  'encode 100 B, ASCII strings': () => encode(100, asText, false),
  'encode 100 B, other strings': () => encode(100, asAccented, false),
  'encode 1 KB, bytes': () => encode(1000, asBytes, false),
  'encode 1 KB, ASCII strings': () => encode(1000, asText, false),
  'decode 100 B, offsets': () => decode(100, 'offset'),
  'decode 100 B, values as bytes': () => decode(100, 'value'),
  'decode 100 B, values as text': () => decode(100, 'text'),
  'decode 1 KB, values as bytes': () => decode(1000, 'value'),
  'validate 100 B, lengths': () => validate(100, false),
  'validate 100 B, every field': () => validate(100, true),
  'CRC-32C of 64 B': () => checksum(64, crc32c),
  'CRC-32C of 256 B': () => checksum(256, crc32c),
  'CRC-32C of 256 B, table': () => checksum(256, crc32cByTable),
  'CRC-32C of 1 KB': () => checksum(1024, crc32c),
  'CRC-32C of 1 KB, table': () => checksum(1024, crc32cByTable),
  'CRC-32C of 64 KB': () => checksum(65_536, crc32c),
  'CRC-32C of 1 MB': () => checksum(1 << 20, crc32c),
  'CRC-32C of 1 MB, table': () => checksum(1 << 20, crc32cByTable),
  ...Object.fromEntries(
    Object.entries(CompressionType)
      .filter(([, type]) => type !== CompressionType.none)
      .flatMap(([name, type]) =>
        (['compress', 'decompress'] as const).map((direction) => [
          `${name} ${direction}, 900 KB`,
          () => codec(type, direction),
        ]),
      ),
  ),
}

function measure({ unit, run }: Case): string {
  let best = Infinity
  let count = 0
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    count = run()
    best = Math.min(best, performance.now() - started)
  }
  const scale = unit === 'GB/s' ? 1e-6 : 1e-3
  return `${((count / best) * scale).toFixed(unit === 'GB/s' ? 2 : 1).padStart(8)} ${unit}`
}

const only = process.argv[2]
if (only !== undefined && cases[only] !== undefined) {
  console.log(`${only.padEnd(44)}${measure(cases[only]())}`)
} else {
  for (const name of Object.keys(cases).filter((candidate) => candidate.includes(only ?? ''))) {
    spawnSync(process.execPath, ['--conditions=source', fileURLToPath(import.meta.url), name], {
      stdio: 'inherit',
    })
  }
}
