import { describe, expect, test } from 'vitest'
import { printedRecord } from '../../src/records/record-format.ts'
import { lineParser } from '../../src/records/record-line.ts'

const plain = { keySeparator: null, nullText: null, json: false }
const json = lineParser({ ...plain, json: true })

function text(bytes: Uint8Array | string | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString()
}

describe('a plain line', () => {
  test('is the value, separators and all', () => {
    const { key, value } = lineParser(plain)(Buffer.from('a:b'), 1)
    expect([key, text(value)]).toEqual([null, 'a:b'])
  })

  test('is split at the first separator', () => {
    const { key, value } = lineParser({ ...plain, keySeparator: '::' })(Buffer.from('k::v::w'), 1)
    expect([text(key), text(value)]).toEqual(['k', 'v::w'])
  })

  test('without the separator is refused with its number', () => {
    expect(() => lineParser({ ...plain, keySeparator: ':' })(Buffer.from('kv'), 7)).toThrow(
      'line 7 has no key separator ":"',
    )
  })

  test('can say null', () => {
    const { key, value } = lineParser({ ...plain, keySeparator: ':', nullText: 'NULL' })(
      Buffer.from('k:NULL'),
      1,
    )
    expect([text(key), value]).toEqual(['k', null])
  })
})

describe('a line of JSON', () => {
  test('is what consume prints', () => {
    const bytes = Uint8Array.from([0xff, 0xfe])
    const record = { offset: 3, timestamp: 5, key: bytes, value: null, headers: [{ key: 'h', value: bytes }] }
    const parsed = json(Buffer.from(JSON.stringify(printedRecord(record))), 1)
    expect(parsed.key).toEqual(Buffer.from(bytes))
    expect(parsed.value).toBe(null)
    expect(parsed.timestamp).toBe(5)
    expect(parsed.headers).toEqual([['h', Buffer.from(bytes)]])
  })

  test('may have any JSON as value, and headers as an object', () => {
    const parsed = json(Buffer.from('{"value":{"a":1},"headers":{"h":"x"},"partition":2}'), 1)
    expect(parsed).toEqual({ key: null, value: '{"a":1}', headers: [['h', 'x']], partition: 2 })
  })

  test.each([
    ['{', /line 4 is no JSON/],
    ['[]', /line 4 is no object with a "value"/],
    ['{"value":1,"headers":[{}]}', /line 4 has a header without "key"/],
    ['{"value":1,"headers":3}', /line 4 has "headers" that are no object/],
    ['{"value":1,"partition":-1}', /line 4 has a partition that is no whole number/],
  ])('%s is refused', (line, message) => {
    expect(() => json(Buffer.from(line), 4)).toThrow(message)
  })
})
