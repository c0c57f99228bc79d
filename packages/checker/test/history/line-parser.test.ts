import { describe, expect, it } from 'vitest'
import { formatHistoryLine, HistoryError, type HistoryLine, parseHistoryLine } from '../../src/index.ts'

const LINES: readonly HistoryLine[] = [
  { i: 0, proc: 'h', f: 'mode', type: 'info', t: 0, mops: [['m', { isolation: 'read_uncommitted' }]] },
  { i: 1, proc: 7, f: 'send', type: 'invoke', t: 0.5, mops: [['s', 'a-0', null, 'v']] },
  {
    i: 2,
    proc: 7,
    f: 'txn',
    type: 'fail',
    t: 1,
    mops: [
      ['s', 'a-0', 3, 1],
      ['p', { 'b-0': [[0, 'x']] }],
    ],
    err: 'E',
  },
  { i: 3, proc: 'r', f: 'poll', type: 'ok', t: 1, mops: [['p', {}]], reb: ['a-0'], gen: 2 },
  { i: 4, proc: 'r', f: 'assign', type: 'ok', t: 1, mops: [['a', ['a-0']]] },
  { i: 5, proc: 'r', f: 'subscribe', type: 'ok', t: 1, mops: [['a', ['a']]] },
  { i: 6, proc: 'r', f: 'crash', type: 'info', t: 1, mops: [] },
  { i: 7, proc: 'r', f: 'final', type: 'ok', t: 1, mops: [['e', 'a-0', 4]] },
  { i: 8, proc: 'r', f: 'watch', type: 'ok', t: 1, mops: [['w', 'a-0', { epoch: 1, highWatermark: 3 }]] },
  { i: 9, proc: 'r', f: 'commit', type: 'ok', t: 1, mops: [['c', 'g', 'a-0', 4]] },
  { i: 10, proc: 'r', f: 'committed', type: 'ok', t: 1, mops: [['g', 'g', 'a-0', null]] },
  {
    i: 11,
    proc: 'r',
    f: 'own',
    type: 'ok',
    t: 1,
    mops: [
      ['+', 'g', 'a-0'],
      ['-', 'g', 'b-0'],
    ],
  },
  { i: 12, proc: 'n', f: 'nemesis', type: 'invoke', t: 1, mops: [['n', 'kill', null]] },
]

describe('a line of a history', () => {
  it.each(LINES)('of $f comes back from its text as it was', (line) => {
    expect(parseHistoryLine(formatHistoryLine(line).trimEnd(), 1)).toEqual(line)
  })

  it.each<[string, unknown, string]>([
    ['no object', 3, 'an object expected, not 3'],
    ['a missing i', { i: undefined }, 'i: a whole number from 0 expected, not nothing'],
    ['a negative i', { i: -1 }, 'i: a whole number from 0 expected, not -1'],
    ['no client', { proc: null }, 'proc: a number or a name expected, not null'],
    ['an unknown operator', { f: 'toString' }, 'f: one of send, poll, txn'],
    ['an unknown type', { type: 'done' }, 'type: one of invoke, ok, fail, info expected, not "done"'],
    ['a time before the run', { t: -0.5 }, 't: milliseconds from 0 expected, not -0.5'],
    ['no operations', { mops: {} }, 'mops: a list expected, not {}'],
    ['a poll in a send', { mops: [['p', {}]] }, `mops[0]: 's' expected in send, not "p"`],
    ['something in a crash', { f: 'crash' }, `mops[0]: nothing expected in crash, not "s"`],
    ['no key', { mops: [['s', 1, 1, 1]] }, 'mops[0]: a key (topic-partition) expected, not 1'],
    ['half an offset', { mops: [['s', 'a-0', 0.5, 1]] }, 'mops[0]: an offset or null expected, not 0.5'],
    ['no value', { mops: [['s', 'a-0', 1]] }, 'mops[0]: a value (number or text) expected, not nothing'],
    [
      'a number that is no integer',
      { mops: [['s', 'a-0', 1, 2 ** 60]] },
      'a value (number or text) expected',
    ],
    [
      'a bad record',
      { f: 'poll', mops: [['p', { k: [[1]] }]] },
      'mops[0]: k: [offset, value] expected, not [1]',
    ],
    ['a poll of nothing', { f: 'poll', mops: [['p', []]] }, 'mops[0]: records per key expected, not []'],
    ['a bad rebalance', { reb: 'a-0' }, 'reb: a list of keys expected, not "a-0"'],
    ['a bad generation', { gen: '1' }, 'gen: a whole number expected, not "1"'],
    ['a bad error', { err: 1 }, 'err: a text expected, not 1'],
    [
      'an unknown mode',
      { f: 'mode', mops: [['m', { isolation: 'none' }]] },
      'isolation: one of read_committed',
    ],
    ['an unknown offset', { f: 'watch', mops: [['w', 'k', { hw: 1 }]] }, 'one of epoch, logStart'],
    ['no end', { f: 'final', mops: [['e', 'k']] }, 'an end offset expected, not nothing'],
    ['no fault', { f: 'nemesis', mops: [['n', 1, null]] }, 'the name of a fault expected, not 1'],
    ['no group', { f: 'commit', mops: [['c', 1, 'k', 1]] }, 'a group expected, not 1'],
  ])('with %s is refused, and the message says where and why', (_, spoiled, message) => {
    const text = JSON.stringify(typeof spoiled === 'object' ? { ...LINES[1], ...spoiled } : spoiled)
    expect(() => parseHistoryLine(text, 17)).toThrow(HistoryError)
    expect(() => parseHistoryLine(text, 17)).toThrow(`line 17: `)
    expect(() => parseHistoryLine(text, 17)).toThrow(message)
  })

  it('that was cut short is refused', () => {
    expect(() => parseHistoryLine('{"i":1,"proc', 3)).toThrow(
      'line 3: not JSON, perhaps cut short: {"i":1,"proc',
    )
  })
})
