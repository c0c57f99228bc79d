/** Planted anomalies: each is found, named, and shown by the operations that make it one. */
import { describe, expect, it } from 'vitest'
import { HistoryChecker, HistoryError, verdictOf } from '../src/index.ts'
import { groupOf, script, shownBy, wrongKinds } from './history-script.ts'

describe('a planted anomaly is found and shown by its operations', () => {
  it('lost-write: acknowledged, passed by readers, read by none', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .send('w', 'a-0', 2, 1)
      .send('w', 'a-0', 3, 2)
      .poll('r', {
        'a-0': [
          [0, 1],
          [2, 3],
        ],
      })
      .check()
    expect(wrongKinds(report)).toEqual(['lost-write'])
    expect(shownBy(report, 'lost-write')).toEqual([2, 6])
    expect(report.records).toMatchObject({ acknowledged: 3, acknowledgedAndRead: 2, lost: 1 })
  })

  it('lost-write: part of a transaction whose other part was read, though nobody knows how it ended', () => {
    const report = script()
      .txn('w', 'info', [
        ['s', 'a-0', 0, 1],
        ['s', 'b-0', 0, 2],
      ])
      .send('w2', 'b-0', 3, 1)
      .poll('r', { 'a-0': [[0, 1]], 'b-0': [[1, 3]] })
      .check()
    expect(wrongKinds(report)).toEqual(['lost-write'])
    expect(groupOf(report, 'lost-write')?.examples[0]?.message).toContain('2 was stored at offset 0')
  })

  it('unseen: the log ends before what was acknowledged', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .send('w', 'a-0', 2, 1)
      .finalRead('a-0', [[0, 1]])
      .check()
    expect(wrongKinds(report)).toEqual(['unseen'])
    expect(shownBy(report, 'unseen')).toEqual([2])
    expect(report.records.lost).toBe(1)
  })

  it('unseen: the log is empty', () => {
    const report = script().send('w', 'a-0', 1, 0).finalRead('a-0', []).check()
    expect(wrongKinds(report)).toEqual(['unseen'])
  })

  it('duplicate: one record read at two offsets', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .send('w', 'a-0', 2, 1)
      .finalRead('a-0', [
        [0, 1],
        [1, 2],
        [2, 1],
      ])
      .check()
    // Whoever reads a record twice also goes back in the order of records, but not in the order of offsets.
    expect(wrongKinds(report)).toEqual(['duplicate'])
    expect(groupOf(report, 'duplicate')?.examples[0]?.message).toBe(
      '1 was read at offset 0 and 2, acknowledged at 0',
    )
    expect(report.records.duplicated).toBe(1)
  })

  it('duplicate: read elsewhere than it was acknowledged', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .poll('r', { 'a-0': [[4, 1]] })
      .check()
    expect(wrongKinds(report)).toEqual(['duplicate'])
    expect(shownBy(report, 'duplicate')).toEqual([0, 2])
  })

  it('inconsistent-offset: readers disagree on what an offset holds', () => {
    const report = script()
      .send('w', 'a-0', 1, null)
      .send('w2', 'a-0', 2, null)
      .poll('r', { 'a-0': [[0, 1]] })
      .poll('r2', { 'a-0': [[0, 2]] })
      .check()
    expect(wrongKinds(report)).toEqual(['inconsistent-offset'])
    expect(shownBy(report, 'inconsistent-offset')).toEqual([0, 2, 4, 5])
  })

  it('inconsistent-offset: two acknowledgements of one offset, of which one is not there', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .send('w2', 'a-0', 2, 0)
      .finalRead('a-0', [[0, 2]])
      .check()
    expect(wrongKinds(report).sort()).toEqual(['inconsistent-offset', 'lost-write'])
  })

  it('phantom: read, never sent', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .poll('r', {
        'a-0': [
          [0, 1],
          [1, 'bad crc'],
        ],
      })
      .check()
    expect(wrongKinds(report)).toEqual(['phantom'])
    expect(shownBy(report, 'phantom')).toEqual([2])
  })

  it('phantom: read by a poll that did not even end well', () => {
    const report = script()
      .add('r', 'poll', 'info', [['p', { 'a-0': [[0, 1]] }]])
      .check()
    expect(wrongKinds(report)).toEqual(['phantom'])
  })

  it('G1a: a refused write is read', () => {
    const report = script()
      .send('w', 'a-0', 1, null, 'fail')
      .poll('r', { 'a-0': [[0, 1]] })
      .check()
    expect(wrongKinds(report)).toEqual(['G1a'])
    expect(shownBy(report, 'G1a')).toEqual([0, 2])
  })

  it('G1a: a record of an aborted transaction is read', () => {
    const lines = script()
      .txn('w', 'fail', [['s', 'a-0', 0, 1]])
      .poll('r', { 'a-0': [[0, 1]] }).lines
    const read = (isolation: 'read_committed' | 'read_uncommitted') => {
      const checker = new HistoryChecker({ mode: { isolation } })
      for (const line of lines) checker.add(line)
      return groupOf(checker.finish(), 'G1a')
    }
    expect(read('read_committed')).toMatchObject({ legal: false, count: 1 })
    expect(read('read_uncommitted')).toMatchObject({ legal: true, count: 1 })
  })

  it('precommitted-read: a transaction reads what it has not committed yet', () => {
    const report = script()
      .txn('w', 'ok', [['s', 'a-0', 0, 1]], { 'a-0': [[0, 1]] })
      .check()
    expect(wrongKinds(report)).toEqual(['precommitted-read'])
    expect(shownBy(report, 'precommitted-read')).toEqual([0])
  })

  it('int-poll-skip: one poll leaves out what another reader got', () => {
    const report = fourRecords()
      .poll('r', {
        'a-0': [
          [0, 1],
          [1, 2],
          [3, 4],
        ],
      })
      .check()
    expect(wrongKinds(report)).toEqual(['int-poll-skip'])
    expect(groupOf(report, 'int-poll-skip')?.examples[0]?.message).toBe(
      '2 at offset 1, then 4 at offset 3; between them lies 3',
    )
    expect(shownBy(report, 'int-poll-skip')).toEqual([9, 4])
  })

  it('int-nonmonotonic-poll: one poll goes backwards', () => {
    const report = fourRecords()
      .poll('r', {
        'a-0': [
          [2, 3],
          [1, 2],
        ],
      })
      .check()
    expect(wrongKinds(report)).toEqual(['int-nonmonotonic-poll'])
    expect(shownBy(report, 'int-nonmonotonic-poll')).toEqual([9])
    expect(report.records.readOutOfOrder).toBe(1)
  })

  it('poll-skip: a reader leaves out records between two polls', () => {
    const report = fourRecords()
      .poll('r', { 'a-0': [[0, 1]] })
      .poll('r', { 'a-0': [[2, 3]] })
      .check()
    expect(wrongKinds(report)).toEqual(['poll-skip'])
    expect(shownBy(report, 'poll-skip')).toEqual([9, 10, 2])
  })

  it('nonmonotonic-poll: a reader goes backwards between two polls', () => {
    const report = fourRecords()
      .poll('r', { 'a-0': [[2, 3]] })
      .poll('r', { 'a-0': [[2, 3]] })
      .check()
    expect(wrongKinds(report)).toEqual(['nonmonotonic-poll'])
    expect(shownBy(report, 'nonmonotonic-poll')).toEqual([9, 10])
  })

  it('nonmonotonic-send: a retry overtakes, which only the first lines tell', () => {
    const report = script()
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 1]])
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 2]])
      .add('w', 'send', 'ok', [['s', 'a-0', 0, 2]])
      .add('w', 'send', 'ok', [['s', 'a-0', 1, 1]])
      .finalRead('a-0', [
        [0, 2],
        [1, 1],
      ])
      .check()
    expect(wrongKinds(report)).toEqual(['nonmonotonic-send'])
    expect(shownBy(report, 'nonmonotonic-send')).toEqual([0, 1])
    expect(report.records.writtenOutOfOrder).toBe(1)
  })

  it('nonmonotonic-send: a write of unknown outcome turns up behind a later one', () => {
    const report = script()
      .send('w', 'a-0', 1, null, 'info')
      .send('w', 'a-0', 2, 0)
      .finalRead('a-0', [
        [0, 2],
        [1, 1],
      ])
      .check()
    expect(wrongKinds(report)).toEqual(['nonmonotonic-send'])
  })

  it('int-nonmonotonic-send: the records of one operation change places', () => {
    const report = script()
      .add('w', 'send', 'ok', [
        ['s', 'a-0', 1, 1],
        ['s', 'a-0', 0, 2],
      ])
      .check()
    expect(wrongKinds(report)).toEqual(['int-nonmonotonic-send'])
    expect(shownBy(report, 'int-nonmonotonic-send')).toEqual([0])
  })

  it('G1c-strict: transactions read from each other', () => {
    const report = script()
      .txn('t1', 'ok', [['s', 'a-0', 0, 1]], { 'b-0': [[0, 2]] })
      .txn('t2', 'ok', [['s', 'b-0', 0, 2]], { 'a-0': [[0, 1]] })
      .check()
    expect(wrongKinds(report)).toEqual(['G1c-strict'])
    expect(new Set(shownBy(report, 'G1c-strict'))).toEqual(new Set([0, 1]))
  })

  it('G1c-strict: the shortest circle of a tangle is shown', () => {
    const report = script()
      .txn('t1', 'ok', [['s', 'a-0', 0, 1]], { 'd-0': [[0, 4]] })
      .txn('t2', 'ok', [['s', 'b-0', 0, 2]], { 'a-0': [[0, 1]] })
      .txn('t3', 'ok', [['s', 'c-0', 0, 3]], { 'b-0': [[0, 2]] })
      .txn('t4', 'ok', [['s', 'd-0', 0, 4]], { 'c-0': [[0, 3]], 'b-0': [[0, 2]] })
      .check()
    expect(groupOf(report, 'G1c-strict')?.count).toBe(1)
    expect(new Set(shownBy(report, 'G1c-strict'))).toEqual(new Set([0, 1, 3]))
  })

  it('high-watermark-fell, last-stable-fell, log-start-fell', () => {
    const report = script()
      .add('v', 'watch', 'ok', [['w', 'a-0', { epoch: 1, logStart: 5, highWatermark: 9, lastStable: 9 }]])
      .add('v', 'watch', 'ok', [['w', 'a-0', { epoch: 1, logStart: 4, highWatermark: 8, lastStable: 7 }]])
      .check()
    expect(wrongKinds(report)).toEqual(['high-watermark-fell', 'last-stable-fell', 'log-start-fell'])
    expect(shownBy(report, 'log-start-fell')).toEqual([0, 1])
  })

  it('commit-fell: a committed offset is taken back', () => {
    const report = script()
      .add('m1', 'commit', 'ok', [['c', 'g', 'a-0', 7]], { gen: 1 })
      .add('m2', 'committed', 'invoke', [['g', 'g', 'a-0', null]], { gen: 2 })
      .add('m2', 'committed', 'ok', [['g', 'g', 'a-0', 5]], { gen: 2 })
      .check()
    expect(wrongKinds(report)).toEqual(['commit-fell'])
    expect(shownBy(report, 'commit-fell')).toEqual([0, 2])
  })

  it('two-owners: two members own a partition in one generation', () => {
    const report = script()
      .add('m1', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 3 })
      .add('m2', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 3 })
      .check()
    expect(wrongKinds(report)).toEqual(['two-owners'])
    expect(shownBy(report, 'two-owners')).toEqual([0, 1])
  })
})

describe('what is legal is counted and not wrong', () => {
  it('G0, int-send-skip and G1c-loose: writes of transactions lie between each other', () => {
    const report = script()
      .txn('t1', 'ok', [
        ['s', 'a-0', 0, 1],
        ['s', 'a-0', 2, 2],
      ])
      .txn('t2', 'ok', [
        ['s', 'a-0', 1, 3],
        ['s', 'b-0', 0, 4],
      ])
      .txn(
        't3',
        'ok',
        [
          ['s', 'b-0', 1, 5],
          ['s', 'a-0', 3, 6],
        ],
        { 'c-0': [[0, 7]] },
      )
      .txn('t4', 'ok', [
        ['s', 'c-0', 0, 7],
        ['s', 'b-0', 2, 8],
      ])
      .check()
    expect(wrongKinds(report)).toEqual([])
    expect(groupOf(report, 'G0')).toMatchObject({ legal: true, count: 1 })
    expect(groupOf(report, 'int-send-skip')).toMatchObject({ legal: true, count: 1 })
    expect(groupOf(report, 'G1c-loose')).toMatchObject({ legal: true, count: 1 })
  })

  it('steps of a reader whose group may take its partitions away', () => {
    const report = fourRecords()
      .add('r', 'subscribe', 'ok', [['a', ['a']]])
      .poll('r', { 'a-0': [[0, 1]] })
      .poll('r', { 'a-0': [[2, 3]] })
      .poll('r', { 'a-0': [[1, 2]] })
      .check()
    expect(wrongKinds(report)).toEqual([])
    expect(groupOf(report, 'poll-skip')).toMatchObject({ legal: true, count: 1 })
    expect(groupOf(report, 'nonmonotonic-poll')).toMatchObject({ legal: true, count: 1 })
  })

  it('duplicates of producers that may repeat themselves', () => {
    const report = script()
      .mode({ idempotent: false })
      .send('w', 'a-0', 1, 0)
      .finalRead('a-0', [
        [0, 1],
        [1, 1],
      ])
      .check()
    expect(wrongKinds(report)).toEqual([])
    expect(verdictOf(report).code).toBe(0)
  })

  it('poll anomalies inside an operation during which its key was rebalanced, and the step after it', () => {
    const report = fourRecords()
      .poll(
        'r',
        {
          'a-0': [
            [2, 3],
            [0, 1],
            [3, 4],
          ],
        },
        { reb: ['a-0'] },
      )
      .poll('r', { 'a-0': [[1, 2]] })
      .check()
    expect(report.anomalies).toEqual([])
  })
})

describe('no alarm', () => {
  it('for markers and aborted records between the records of a reader', () => {
    const report = script()
      .txn('t1', 'ok', [['s', 'a-0', 0, 1]])
      .txn('t2', 'fail', [['s', 'a-0', 2, 2]])
      .txn('t3', 'ok', [['s', 'a-0', 4, 3]])
      .finalRead(
        'a-0',
        [
          [0, 1],
          [4, 3],
        ],
        6,
      )
      .check()
    expect(report.anomalies).toEqual([])
    expect(verdictOf(report).code).toBe(0)
  })

  it('for a write of unknown outcome, read or not', () => {
    const report = script()
      .send('w', 'a-0', 1, null, 'info')
      .send('w', 'a-0', 2, 0)
      .send('w', 'a-0', 3, null, 'info')
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 4]])
      .finalRead('a-0', [
        [0, 2],
        [1, 4],
      ])
      .check()
    expect(report.anomalies).toEqual([])
    expect(report.records.uncertain).toBe(3)
  })

  it('after an assign, a crash, or a poll of unknown outcome', () => {
    const report = fourRecords()
      .poll('r', { 'a-0': [[0, 1]] })
      .add('r', 'assign', 'ok', [['a', ['b-0']]])
      .add('r', 'assign', 'ok', [['a', ['a-0']]])
      .poll('r', { 'a-0': [[3, 4]] })
      .add('r', 'crash', 'info', [])
      .poll('r', { 'a-0': [[0, 1]] })
      .add('r', 'poll', 'info', [['p', { 'a-0': [[1, 2]] }]])
      .poll('r', {
        'a-0': [
          [1, 2],
          [2, 3],
        ],
      })
      .check()
    expect(report.anomalies).toEqual([])
  })

  it('for an assign that goes on with the key: its position stays', () => {
    const report = fourRecords()
      .poll('r', { 'a-0': [[0, 1]] })
      .add('r', 'assign', 'ok', [['a', ['a-0', 'b-0']]])
      .poll('r', { 'a-0': [[2, 3]] })
      .check()
    expect(wrongKinds(report)).toEqual(['poll-skip'])
  })

  it('for records that were deleted before somebody read them', () => {
    const report = fourRecords()
      .send('w', 'a-0', 5, 4)
      .add('v', 'watch', 'ok', [['w', 'a-0', { logStart: 3 }]])
      .poll('r', {
        'a-0': [
          [0, 1],
          [3, 4],
        ],
      })
      .finalRead('a-0', [
        [3, 4],
        [4, 5],
      ])
      .check()
    expect(report.anomalies).toEqual([])
  })

  it('for a high watermark that is lower under another leader epoch, or for another client', () => {
    const report = script()
      .add('v', 'watch', 'ok', [['w', 'a-0', { epoch: 1, highWatermark: 9 }]])
      .add('v', 'watch', 'ok', [['w', 'a-0', { epoch: 2, highWatermark: 8 }]])
      .add('v2', 'watch', 'ok', [['w', 'a-0', { epoch: 1, highWatermark: 7 }]])
      .check()
    expect(report.anomalies).toEqual([])
  })

  it('for an answer that was asked for before the commit, or by an older generation', () => {
    const report = script()
      .add('m1', 'committed', 'invoke', [['g', 'g', 'a-0', null]])
      .add('m2', 'commit', 'ok', [['c', 'g', 'a-0', 7]], { gen: 2 })
      .add('m1', 'committed', 'ok', [['g', 'g', 'a-0', null]])
      .add('m3', 'committed', 'ok', [['g', 'g', 'a-0', 3]])
      .add('m2', 'committed', 'ok', [['g', 'g', 'a-0', 3]], { gen: 1 })
      .check()
    expect(report.anomalies).toEqual([])
  })

  it('for owners one after another, of two generations, or after a crash', () => {
    const report = script()
      .add('m1', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 3 })
      .add('m1', 'own', 'ok', [['-', 'g', 'a-0']], { gen: 3 })
      .add('m2', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 3 })
      .add('m2', 'crash', 'info', [])
      .add('m3', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 3 })
      .add('m1', 'own', 'ok', [['+', 'g', 'a-0']], { gen: 4 })
      .check()
    expect(report.anomalies).toEqual([])
  })
})

describe('a history that contradicts itself is refused', () => {
  it('when a value is sent twice', () => {
    expect(() => script().send('w', 'a-0', 1, 0).send('w2', 'a-0', 1, 1).check()).toThrow(
      new HistoryError('i 2 sends 1 to a-0, as i 0 did: values must be unique per key'),
    )
  })

  it('when the second line of an operation leaves out what the first one sends', () => {
    const history = script()
      .add('t', 'txn', 'invoke', [
        ['s', 'a-0', null, 1],
        ['s', 'a-0', null, 2],
      ])
      .add('t', 'txn', 'ok', [['s', 'a-0', 0, 1]])
    expect(() => history.check()).toThrow('i 1: leaves out sends of its first line, i 0')
  })

  it('when i does not rise', () => {
    const [first, second] = script().send('w', 'a-0', 1, 0).lines
    const checker = new HistoryChecker()
    checker.add(second!)
    expect(() => checker.add(first!)).toThrow('i 0 comes after i 1')
  })

  it('when the mode comes too late', () => {
    expect(() => script().send('w', 'a-0', 1, 0).mode({ idempotent: false }).check()).toThrow(
      'the mode must come before everything else',
    )
  })
})

/** Four records of a-0, lines 0 to 7, all read by one reader in line 8. */
function fourRecords() {
  return script()
    .send('w', 'a-0', 1, 0)
    .send('w', 'a-0', 2, 1)
    .send('w', 'a-0', 3, 2)
    .send('w', 'a-0', 4, 3)
    .poll('other', {
      'a-0': [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
      ],
    })
}
