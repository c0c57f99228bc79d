import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  booleanKey,
  describeValidValues,
  doubleKey,
  enumKey,
  formatConfigValue,
  intKey,
  listKey,
  longKey,
  NO_LIMIT,
  optionalStringKey,
  parseConfigValue,
  passwordKey,
} from '../../src/config/config-key.ts'

const text = ''
const int = intKey({ default: 5, min: 1, max: 10, text })
const long = longKey({ default: NO_LIMIT, min: -1, text })

test('integers are read within their bounds and their width only', () => {
  expect(parseConfigValue(int, ' 7 ')).toEqual({ ok: true, value: 7 })
  expect(parseConfigValue(int, '+7')).toEqual({ ok: true, value: 7 })
  expect(parseConfigValue(int, '0')).toEqual({ ok: false, reason: 'Value must be at least 1' })
  expect(parseConfigValue(int, '11')).toEqual({ ok: false, reason: 'Value must be no more than 10' })
  for (const bad of ['', '1.5', '1e1', '0x1', 'ten', '1 0', '2147483648']) {
    expect(parseConfigValue(int, bad), bad).toEqual({ ok: false, reason: 'Not a number of type INT' })
  }
})

test('a long at the end of its range means no limit, and one beyond it is refused', () => {
  expect(parseConfigValue(long, '9223372036854775807')).toEqual({ ok: true, value: NO_LIMIT })
  expect(formatConfigValue(long, NO_LIMIT)).toBe('9223372036854775807')
  expect(parseConfigValue(long, '9223372036854775808').ok).toBe(false)
  expect(parseConfigValue(long, '-2')).toEqual({ ok: false, reason: 'Value must be at least -1' })
})

test('words, lists and truth values are read strictly', () => {
  const policy = enumKey({ default: 'commit', values: ['commit', 'os'], text })
  expect(parseConfigValue(policy, 'os')).toEqual({ ok: true, value: 'os' })
  expect(parseConfigValue(policy, 'OS')).toEqual({ ok: false, reason: 'String must be one of: commit, os' })
  const list = listKey({ default: ['delete'], values: ['compact', 'delete'], text })
  expect(parseConfigValue(list, 'compact , delete')).toEqual({ ok: true, value: ['compact', 'delete'] })
  expect(parseConfigValue(list, '')).toEqual({ ok: true, value: [] })
  expect(parseConfigValue(list, 'compact,shrink')).toEqual({
    ok: false,
    reason: "'shrink' is not one of: compact, delete",
  })
  const flag = booleanKey({ default: false, text })
  expect(parseConfigValue(flag, 'TRUE')).toEqual({ ok: true, value: true })
  expect(parseConfigValue(flag, 'yes').ok).toBe(false)
  const ratio = doubleKey({ default: 0.5, min: 0, max: 1, text })
  expect(parseConfigValue(ratio, '0.25')).toEqual({ ok: true, value: 0.25 })
  expect(parseConfigValue(ratio, 'NaN').ok).toBe(false)
})

test('only a key that may be unset reads the empty text as unset', () => {
  expect(parseConfigValue(optionalStringKey({ text }), '')).toEqual({ ok: true, value: null })
  expect(parseConfigValue(passwordKey({ text }), '')).toEqual({ ok: true, value: null })
  expect(parseConfigValue(listKey({ default: ['x'], text }), '')).toEqual({ ok: true, value: [] })
  expect(parseConfigValue(int, '').ok).toBe(false)
})

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1, max: NO_LIMIT }), (value) => {
      expect(parseConfigValue(long, formatConfigValue(long, value)!)).toEqual({ ok: true, value })
    }),
  )
})

test('valid values are described in words', () => {
  expect(describeValidValues(int)).toBe('1 … 10')
  expect(describeValidValues(long)).toBe('≥ -1')
  expect(describeValidValues(enumKey({ default: 'a', values: ['a', 'b'], text }))).toBe('one of a, b')
  expect(describeValidValues(optionalStringKey({ text }))).toBe('')
})
