import fc from 'fast-check'
import { expect, test } from 'vitest'
import { collisionKey, invalidTopicName, isInternalTopic } from '../src/topic-name.ts'

test('letters, digits, dot, underscore and dash make a name, up to 249 of them', () => {
  for (const name of ['a', 'flights', 'A.b_c-9', '...', '__consumer_offsets', 'x'.repeat(249)]) {
    expect(invalidTopicName(name)).toBeNull()
  }
  fc.assert(
    fc.property(fc.stringMatching(/^[a-zA-Z0-9-]{1,249}$/), (name) => invalidTopicName(name) === null),
  )
})

test('what could leave its folder, or is not ASCII, is refused with its reason', () => {
  for (const name of [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    'a b',
    'a\0b',
    '%2e%2e/',
    'zürich',
    'аpple',
    'x\n',
  ]) {
    expect(invalidTopicName(name), JSON.stringify(name)).not.toBeNull()
  }
  expect(invalidTopicName('x'.repeat(250))).toContain('longer than the maximum of 249')
  expect(invalidTopicName('__cluster_metadata')).toContain('reserved')
})

test('names that differ only in dot and underscore collide', () => {
  expect(collisionKey('a.b_c')).toBe(collisionKey('a_b.c'))
  expect(collisionKey('a.b')).not.toBe(collisionKey('a.c'))
  expect(collisionKey('plain')).toBeNull()
})

test('the topics of groups and transactions are internal', () => {
  expect(isInternalTopic('__consumer_offsets')).toBe(true)
  expect(isInternalTopic('__transaction_state')).toBe(true)
  expect(isInternalTopic('__other')).toBe(false)
})
