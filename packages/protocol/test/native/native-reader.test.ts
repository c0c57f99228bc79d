import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { DecodeError } from '../../src/decode-error.ts'
import { NativeReader } from '../../src/native/native-reader.ts'

const packr = new Packr({ useRecords: false })

function reader(header: Uint8Array, attachments: Uint8Array = Buffer.alloc(0)): NativeReader {
  return new NativeReader(
    Buffer.concat([Buffer.from([header.length >> 8, header.length]), header, attachments]),
  )
}

describe('the reader of a native frame', () => {
  const edges = [0, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, Number.MAX_SAFE_INTEGER - 1]
  it.for(edges.flatMap((edge) => [edge, edge + 1, -edge - 1, -0x20, -0x21]))(
    'reads the number %i',
    (value) => {
      expect(reader(packr.pack(value)).number('n')).toBe(value)
    },
  )

  it.for([0, 1, 31, 32, 64, 65, 255, 256, 20_000])('reads a text of %i characters', (length) => {
    for (const character of ['a', 'é', '€']) {
      const text = character.repeat(length)
      expect(reader(packr.pack(text)).text('t')).toBe(text)
    }
  })

  it('tells nil from other values, and takes it', () => {
    const values = reader(packr.pack([null, false]))
    expect(values.array('a')).toBe(2)
    expect(values.takeNil()).toBe(true)
    expect(values.takeNil()).toBe(false)
    expect(values.bool('b')).toBe(false)
    values.finish()
  })

  it('ignores whatever value it is told to', () => {
    const unknown = [null, true, 1, -500, 2 ** 40, 'text', 'ü'.repeat(300), [1, ['nested'], []]]
    const values = reader(packr.pack([...unknown, 'known']))
    expect(values.array('a')).toBe(unknown.length + 1)
    for (let i = 0; i < unknown.length; i++) values.ignore()
    expect(values.text('t')).toBe('known')
    values.finish()
  })

  it.for<[string, Uint8Array]>([
    ['a map', packr.pack({ a: 1 })],
    ['a binary', packr.pack(Buffer.from('x'))],
    ['an extension', packr.pack(new Date(0))],
    ['a big integer', packr.pack(2n ** 60n)],
    ['the reserved byte', Buffer.from([0xc1])],
    ['a text that is not UTF-8', Buffer.from([0xa2, 0xc3, 0x28])],
    ['a text beyond the header', Buffer.from([0xa5, 0x61])],
    ['a number that is cut short', Buffer.from([0xcd, 0x01])],
    ['an array that claims more than there is', Buffer.from([0xdc, 0xff, 0xff])],
    ['arrays nested without end', Buffer.alloc(1000, 0x91)],
  ])('does not ignore %s', ([, header]) => {
    expect(() => reader(header).ignore()).toThrow(DecodeError)
  })

  it('does not take the bytes of attachments for values', () => {
    const values = reader(packr.pack(3), Buffer.from([1, 2, 3]))
    expect(values.attachment('r')).toEqual(Buffer.from([1, 2, 3]))
    expect(() => values.number('n')).toThrow(DecodeError)
  })

  it('finishes only when header and attachments were taken', () => {
    expect(() => reader(packr.pack(3)).finish()).toThrow(DecodeError)
    const values = reader(packr.pack(2), Buffer.from([1, 2, 3]))
    values.attachment('r')
    expect(() => values.finish()).toThrow(DecodeError)
  })
})
