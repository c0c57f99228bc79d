import type { Offset, TimestampMs } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { CompressionType } from '../src/compression-type.ts'
import type { BuildOptions } from '../src/record-batch-builder.ts'
import { RecordBatchBuilder } from '../src/record-batch-builder.ts'
import { findByTimestamp, findMaxTimestamp } from '../src/timestamp-search.ts'

const options = { maxDecompressedBytes: 1 << 20 }
const TIMES = [100, 105, 103, 140, 140, 120]

function batch(build: BuildOptions = {}): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1000 })
  for (const timestamp of TIMES) builder.tryAppend(timestamp, 'k', 'v')
  return builder.build({ baseOffset: 50 as Offset, ...build })
}

function find(target: number, bytes = batch(), startOffset = 0) {
  return findByTimestamp(bytes, target as TimestampMs, { ...options, startOffset: startOffset as Offset })
}

describe.each(Object.entries(CompressionType))('by time (%s)', (_, compression) => {
  const bytes = batch({ compression })

  it('the first record at or after it is found, exactly', () => {
    expect(find(0, bytes)).toEqual({ offset: 50, timestamp: 100 })
    expect(find(101, bytes)).toEqual({ offset: 51, timestamp: 105 })
    expect(find(105, bytes)).toEqual({ offset: 51, timestamp: 105 })
    expect(find(106, bytes)).toEqual({ offset: 53, timestamp: 140 })
    expect(find(141, bytes)).toBeNull()
  })

  it('the greatest time is found at its first record', () => {
    expect(findMaxTimestamp(bytes, options)).toEqual({ offset: 53, timestamp: 140 })
  })
})

it('records below the log start offset do not count', () => {
  expect(find(100, batch(), 52)).toEqual({ offset: 52, timestamp: 103 })
  const late = { ...options, startOffset: 55 as Offset }
  expect(findMaxTimestamp(batch(), late)).toEqual({ offset: 55, timestamp: 120 })
  expect(findMaxTimestamp(batch(), { ...options, startOffset: 56 as Offset })).toBeNull()
})

it('a log append time is the time of all records', () => {
  const bytes = batch({ logAppendTime: 200 as TimestampMs })
  expect(find(150, bytes)).toEqual({ offset: 50, timestamp: 200 })
  expect(find(201, bytes)).toBeNull()
  expect(findMaxTimestamp(bytes, options)).toEqual({ offset: 50, timestamp: 200 })
})

it('what is no batch is said to be none', () => {
  expect(find(0, Buffer.alloc(20))).toMatchObject({ kind: 'unsupported-format' })
  expect(find(0, batch().subarray(0, 80))).toMatchObject({ kind: 'corrupt' })
  const broken = batch()
  broken[61 + 8] = 0x7e
  expect(find(200, broken)).toMatchObject({ kind: 'invalid-record' })
})
