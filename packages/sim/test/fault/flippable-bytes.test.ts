import { RecordBatchBuilder } from '@millrace/record'
import { describe, expect, it } from 'vitest'
import { flippableBytes } from '../../src/fault/flippable-bytes.ts'

const LOG = '/data/orders-2-7/00000000000000000000.log'
const CHECKPOINT = '/data/recovery-point-offset-checkpoint'
const METADATA_LOG = '/data/__cluster_metadata-0/00000000000000000000.log'
const METADATA_CHECKPOINT = '/data/__cluster_metadata-0/recovery-point-offset-checkpoint'

function batch(baseOffset: number): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1000 })
  builder.tryAppend(1, null, Buffer.from('a value'))
  const bytes = Buffer.from(builder.build())
  bytes.writeBigInt64BE(BigInt(baseOffset))
  return bytes
}

const SIZE = batch(0).length
const THREE = Buffer.concat([batch(0), batch(1), batch(2)])

function disk(files: Readonly<Record<string, Buffer | string>>) {
  return { files: () => Object.keys(files), contentOf: (path: string) => Buffer.from(files[path]!) }
}

describe('what a flipped bit may hit', () => {
  it('is of a log what lies below its recovery point', () => {
    const checkpoint = '0\n2\norders 2 3\norders-2 7 2\n'
    expect(flippableBytes(disk({ [LOG]: THREE, [CHECKPOINT]: checkpoint }), LOG)).toBe(2 * SIZE)
  })

  it('is nothing of a log whose recovery point nobody wrote down', () => {
    expect(flippableBytes(disk({ [LOG]: THREE }), LOG)).toBe(0)
    expect(flippableBytes(disk({ [LOG]: THREE, [CHECKPOINT]: '0\n1\norders 2 3\n' }), LOG)).toBe(0)
  })

  it('is of the metadata log what the checkpoint in its own folder says', () => {
    const files = {
      [METADATA_LOG]: THREE,
      [METADATA_CHECKPOINT]: '0\n1\n__cluster_metadata 0 1\n',
      [CHECKPOINT]: '0\n0\n',
    }
    expect(flippableBytes(disk(files), METADATA_LOG)).toBe(SIZE)
  })

  it('is all of any other file', () => {
    expect(flippableBytes(disk({ [CHECKPOINT]: '0\n0\n' }), CHECKPOINT)).toBe(4)
  })
})
