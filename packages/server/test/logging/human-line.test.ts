import { expect, test } from 'vitest'
import { humanLine } from '../../src/logging/human-line.ts'

const at = new Date(2026, 10, 23, 9, 5, 7, 42).getTime()

test('a line shows time, level, message and fields in this order', () => {
  const json = JSON.stringify({
    level: 30,
    time: at,
    topic: 'flights',
    partition: 3,
    tags: ['a'],
    msg: 'became leader',
  })
  expect(humanLine(json, false)).toBe(
    '09:05:07.042 INFO  became leader topic=flights partition=3 tags=["a"]\n',
  )
})

test('a message cannot fake a second line', () => {
  const json = JSON.stringify({ level: 40, time: at, msg: 'odd\nINFO all is well', name: 'x\ny' })
  expect(humanLine(json, false).split('\n')).toHaveLength(2)
})

test('an error is one line when it is a warning, and has its stack when it is an error', () => {
  const error = {
    type: 'DiskError',
    message: 'EIO: write /data/x',
    stack: 'DiskError: EIO\n    at somewhere',
  }
  expect(humanLine(JSON.stringify({ level: 40, time: at, error, msg: 'append failed' }), false)).toBe(
    '09:05:07.042 WARN  append failed error=EIO: write /data/x\n',
  )
  expect(humanLine(JSON.stringify({ level: 50, time: at, error, msg: 'append failed' }), false)).toContain(
    '    at somewhere',
  )
})

test('colors are used only where they are wanted', () => {
  const json = JSON.stringify({ level: 50, time: at, msg: 'stopped' })
  expect(humanLine(json, false)).not.toContain('\x1b')
  expect(humanLine(json, true)).toContain('\x1b[31mERROR')
})
