import type { Offset, Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { defaultMaker, defaultTest } from '../../src/schema/default-value.ts'
import { defineApi } from '../../src/schema/define-api.ts'
import {
  array,
  bool,
  fieldSpecs,
  int32,
  offset,
  records,
  string,
  struct,
  uuid,
} from '../../src/schema/field.ts'
import { includesVersion, parseVersions, versionsText } from '../../src/schema/version-range.ts'

describe('native positions', () => {
  const positions = (fields: Parameters<typeof fieldSpecs>[0]) =>
    Object.fromEntries(fieldSpecs(fields).map(({ name, position }) => [name, position]))

  it('follow the order of declaration', () => {
    expect(positions({ a: int32(), b: bool(), c: string() })).toEqual({ a: 0, b: 1, c: 2 })
  })

  it('leave room for those that are given', () => {
    expect(positions({ a: int32(), late: bool({ position: 2 }), c: string() })).toEqual({
      a: 0,
      late: 2,
      c: 1,
    })
  })

  it('must be distinct and without gaps', () => {
    expect(() => positions({ a: int32({ position: 2 }), b: bool() })).toThrow(/positions must be distinct/)
    expect(() => positions({ a: int32({ position: 1 }), b: bool({ position: 1 }) })).toThrow(/distinct/)
  })
})

describe('a declaration is refused', () => {
  it('with a tag given twice', () => {
    expect(() => fieldSpecs({ a: int32({ tag: 0 }), b: int32({ tag: 0 }) })).toThrow(/tag is given twice/)
  })

  it('with the default null for a field that is never null', () => {
    expect(() => fieldSpecs({ a: string({ default: null }) })).toThrow(/only a nullable field/)
  })

  it('with a struct that may be null, and whose default is something else', () => {
    expect(() => fieldSpecs({ a: struct({}, { nullable: '0+' }) })).toThrow(/may be null/)
    expect(() => fieldSpecs({ a: struct({}, { default: null }) })).toThrow(/may be null/)
  })

  const api = {
    key: 1,
    name: 'Sample',
    listeners: ['broker'],
    versions: '0-3',
    flexible: '2+',
    served: '0-3',
    response: {},
  } as const

  it('with a tagged field in a version without tagged fields', () => {
    const request = { list: array(struct({ a: int32({ versions: '1+', tag: 0 }) })) }
    expect(() => defineApi({ ...api, request }).request).toThrow(
      /a is tagged in versions without tagged fields/,
    )
  })

  it('with served versions that are not declared', () => {
    expect(() => defineApi({ ...api, served: '0-4', request: {} })).toThrow(
      /serves versions that it doesn't declare/,
    )
  })
})

describe('defaults', () => {
  const [field] = fieldSpecs({
    outer: struct({
      id: uuid(),
      start: offset({ default: -1 as Offset }),
      list: array(int32()),
      data: records({ nullable: '0+' }),
    }),
  })

  it("are Kafka's where none is declared", () => {
    expect(defaultMaker(field!)()).toEqual({ id: 'AAAAAAAAAAAAAAAAAAAAAA', start: -1, list: [], data: null })
  })

  it('can be shared, because nobody can change them', () => {
    expect(Object.isFrozen(defaultMaker(field!)())).toBe(true)
  })

  it.for<[unknown, boolean]>([
    [undefined, true],
    [{}, true],
    [{ id: 'AAAAAAAAAAAAAAAAAAAAAA' as Uuid, start: -1, list: [], data: null }, true],
    [{ start: 0 }, false],
    [{ list: [0] }, false],
    [{ data: Buffer.alloc(0) }, false],
  ])('are recognised field by field: %o', ([value, expected]) => {
    expect(defaultTest(field!)(value)).toBe(expected)
  })
})

describe('version ranges', () => {
  it.for(['3+', '0-12', '7'] as const)('read %s and write it again', (text) => {
    expect(versionsText(parseVersions(text))).toBe(text)
  })

  it('are inclusive', () => {
    const range = parseVersions('2-4')
    expect([1, 2, 4, 5].map((version) => includesVersion(range, version))).toEqual([false, true, true, false])
  })

  it.for(['', '+', '4-2', '1-', 'a'])('refuse %s', (text) => {
    expect(() => parseVersions(text as '1+')).toThrow()
  })
})
