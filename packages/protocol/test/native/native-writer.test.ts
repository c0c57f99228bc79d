import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { NativeWriter } from '../../src/native/native-writer.ts'

const LENGTHS_BYTES = 6
const LONG_LENGTHS_BYTES = 10
const packr = new Packr({ useRecords: false })

function written(write: (writer: NativeWriter) => void): Buffer {
  const writer = new NativeWriter()
  writer.begin()
  write(writer)
  const frame = Buffer.concat(writer.finish())
  return frame.subarray(frame.readUInt16BE(4) === 0xffff ? LONG_LENGTHS_BYTES : LENGTHS_BYTES)
}

describe('a header is what msgpackr packs', () => {
  const edges = [0, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, Number.MAX_SAFE_INTEGER - 1]
  it.for(edges.flatMap((edge) => [edge, edge + 1, -edge, -edge - 1, -0x20, -0x21]))(
    'for the integer %i',
    (value) => {
      expect(written((writer) => writer.integer(value))).toEqual(packr.pack(value))
    },
  )

  it.for([0, 1, 31, 32, 255, 256, 32_767])('for a text of %i characters', (length) => {
    for (const character of ['a', 'é', '€']) {
      const text = character.repeat(length)
      expect(written((writer) => writer.text(text))).toEqual(packr.pack(text))
    }
  })

  it('for a text whose last character alone is not ASCII', () => {
    const text = `${'a'.repeat(20)}ß`
    expect(written((writer) => writer.text(text))).toEqual(packr.pack(text))
  })

  it.for([0, 15, 16, 65_535, 65_536])('for an array of %i elements', (count) => {
    const nils = Array.from({ length: count }, () => null)
    const bytes = written((writer) => {
      writer.array(count)
      for (let i = 0; i < count; i++) writer.nil()
    })
    expect(bytes).toEqual(packr.pack(nils))
  })

  it('for booleans', () => {
    expect(written((writer) => writer.bool(true))).toEqual(packr.pack(true))
    expect(written((writer) => writer.bool(false))).toEqual(packr.pack(false))
  })
})

describe('frames', () => {
  it('stay as they are while others are written behind them', () => {
    const writer = new NativeWriter()
    const frames = Array.from({ length: 2000 }, (_, i) => {
      writer.begin()
      writer.text(`frame number ${i}`)
      return { i, chunks: writer.finish() }
    })
    for (const { i, chunks } of frames)
      expect(chunks[0]!.subarray(LENGTHS_BYTES)).toEqual(packr.pack(`frame number ${i}`))
  })

  it('have nothing of one that was abandoned', () => {
    const writer = new NativeWriter()
    writer.begin()
    writer.attachment(Buffer.from('abandoned'))
    writer.begin()
    writer.integer(1)
    expect(Buffer.concat(writer.finish())).toEqual(Buffer.from([0, 0, 0, 3, 0, 1, 1]))
  })

  it('have their attachments behind the header, which has their lengths, and nothing of empty ones', () => {
    const writer = new NativeWriter()
    const attached = Buffer.from('attached')
    writer.begin()
    writer.attachment(Buffer.alloc(0))
    writer.attachment(attached)
    const chunks = writer.finish()
    expect(chunks[1]).toBe(attached)
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0, 0, 0, 12, 0, 2, 0, 8, ...attached]))
  })
})
