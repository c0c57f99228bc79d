import { ZERO_UUID } from '@millrace/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KafkaReader } from '../../src/kafka/reader.ts'
import { structDecoder } from '../../src/kafka/struct-decoder.ts'
import { structEncoder } from '../../src/kafka/struct-encoder.ts'
import { KafkaWriter } from '../../src/kafka/writer.ts'
import {
  array,
  bool,
  bytes,
  fieldSpecs,
  int16,
  int32,
  int64,
  int8,
  string,
  struct,
  uint16,
  uuid,
} from '../../src/schema/field.ts'
import { arbitraryBody } from '../arbitrary-message.ts'

const fields = fieldSpecs({
  flag: bool(),
  tiny: int8(),
  short: int16(),
  port: uint16(),
  count: int32(),
  big: int64(),
  id: uuid(),
  text: string({ nullable: '1+' }),
  data: bytes({ nullable: '1+' }),
  list: array(int32(), { nullable: '1+' }),
  nested: struct({
    inner: string(),
    deep: array(struct({ x: int8(), y: uint16({ versions: '1+', default: 7 }) })),
  }),
  later: int32({ versions: '2-3', default: 5 }),
  tagged: int32({ versions: '2+', tag: 3, default: 9 }),
  taggedList: array(struct({ name: string() }), { versions: '2+', tag: 1 }),
  taggedStruct: struct({ a: int8({ default: 1 }), b: string({ default: 'b' }) }, { versions: '2+', tag: 2 }),
  perhaps: struct({ c: int8() }, { versions: '3+', nullable: '3+', default: null }),
})

const writer = new KafkaWriter()

function encode(version: number, value: object): Buffer {
  writer.begin()
  structEncoder(fields, { version, flexible: version >= 2 })(writer, value)
  return Buffer.concat(writer.finish()).subarray(4)
}

function decode(version: number, frame: Buffer): unknown {
  const reader = new KafkaReader(frame)
  const value = structDecoder(fields, { version, flexible: version >= 2 })(reader)
  reader.finish()
  return value
}

describe('a struct with every type', () => {
  it.for([0, 1, 2, 3, 4])('round-trips in version %i', (version) => {
    fc.assert(
      fc.property(arbitraryBody(fields, version), (value) => {
        expect(decode(version, encode(version, value))).toEqual(value)
      }),
      { numRuns: 100 },
    )
  })

  it('writes what the specification of the protocol says', () => {
    const value = {
      flag: true,
      tiny: -2,
      short: -3,
      port: 0xfffe,
      count: -5,
      big: -6,
      id: ZERO_UUID,
      text: 'é',
      data: Buffer.from([1, 2]),
      list: null,
      nested: { inner: '', deep: [{ x: 1, y: 2 }] },
      later: 8,
      tagged: 10,
      taggedStruct: { b: 'c' },
    }
    expect(encode(2, value).toString('hex')).toBe(
      [
        '01 fe fffd fffe fffffffb fffffffffffffffa 00000000000000000000000000000000',
        // compact: length + 1, null is 0
        '03c3a9 03 0102 00',
        // inner, deep with one element, tagged fields of the element and of the struct
        '01 02 01 0002 00 00',
        '00000008',
        // two tagged fields in ascending order: tag, size, content
        '02 02 04 01 0263 00 03 04 0000000a',
      ]
        .join('')
        .replaceAll(' ', ''),
    )
  })

  it('has a byte that says whether a struct that may be null is there', () => {
    const ofPerhaps = (perhaps: object | null) =>
      encode(4, { data: Buffer.alloc(0), perhaps }).toString('hex')
    const withoutTags = (hex: string) => hex.slice(0, -2)
    const absent = withoutTags(ofPerhaps(null))
    const present = withoutTags(ofPerhaps({ c: 5 }))
    expect(absent.endsWith('ff')).toBe(true)
    expect(present).toBe(`${absent.slice(0, -2)}010500`)
  })

  it('has the same keys in the same order in every version', () => {
    const names = fields.map((field) => field.name)
    for (const version of [0, 1, 2, 3, 4]) {
      expect(Object.keys(decode(version, encode(version, { data: Buffer.alloc(0) })) as object)).toEqual(
        names,
      )
    }
  })

  it('gives each message lists of its own', () => {
    const [one, two] = [0, 0].map(
      (version) => decode(version, encode(version, { data: Buffer.alloc(0) })) as { taggedList: object[] },
    )
    one!.taggedList.push({})
    expect(two!.taggedList).toEqual([])
  })
})
