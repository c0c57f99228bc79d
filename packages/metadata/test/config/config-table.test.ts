import { expect, test } from 'vitest'
import { intKey, listKey, optionalStringKey, passwordKey } from '../../src/config/config-key.ts'
import { ConfigTable } from '../../src/config/config-table.ts'

const table = new ConfigTable({
  'num.partitions': intKey({ default: 1, min: 1, text: '' }),
  'broker.rack': optionalStringKey({ text: '' }),
  'log.dirs': listKey({ default: ['./data'], text: '' }),
  'ssl.key.password': passwordKey({ text: '' }),
})

test('an unknown key is refused with the one that was probably meant', () => {
  expect(table.invalidEntry('num.partition', '3')).toBe(
    'Unknown configuration num.partition. Did you mean num.partitions?',
  )
  expect(table.invalidEntry('colour', 'red')).toBe('Unknown configuration colour.')
})

test('a bad value is refused with the value, the key and the reason', () => {
  expect(table.invalidEntry('num.partitions', '0')).toBe(
    'Invalid value 0 for configuration num.partitions: Value must be at least 1',
  )
  expect(table.invalidEntry('num.partitions', '3')).toBeNull()
})

test('the first source that has a key gives its value, and its type follows from the declaration', () => {
  const values = table.resolve(
    new Map([['num.partitions', '3']]),
    new Map([
      ['num.partitions', '9'],
      ['log.dirs', 'a,b'],
    ]),
  )
  const partitions: number = values['num.partitions']
  const rack: string | null = values['broker.rack']
  expect([partitions, rack, values['log.dirs']]).toEqual([3, null, ['a', 'b']])
})

test('a stored value that breaks its declaration stops instead of being replaced by another', () => {
  expect(() => table.resolve(new Map([['num.partitions', 'many']]))).toThrow('num.partitions')
})
