import { describe, expect, it } from 'vitest'
import { VerdictCode, verdictOf } from '../src/index.ts'
import { script } from './history-script.ts'

describe('the verdict', () => {
  it('says in words what was acknowledged, read, lost, duplicated and reordered, and what stood still', () => {
    const report = script()
      .send('w', 'a-0', 1, 0)
      .add('nemesis', 'nemesis', 'invoke', [['n', 'kill', 'broker 2']])
      .send('w', 'a-0', 2, 1)
      .add('nemesis', 'nemesis', 'ok', [['n', 'kill', 'broker 2']])
      .send('w', 'a-0', 3, null, 'info')
      .finalRead('a-0', [
        [0, 1],
        [1, 2],
      ])
      .check()
    expect(verdictOf(report)).toEqual({
      code: VerdictCode.ok,
      text: [
        '4 operations on 1 partition, assign, read_committed, idempotent producers',
        'acknowledged            2  of 3 sent, 1 uncertain',
        'read                    2  of the acknowledged',
        'lost                    0',
        'duplicated              0',
        'reordered               0',
        'longest write gap: 1 ms in a-0 from 0 ms on',
        '  kill, 1 time: 1 ms in a-0 from 3 ms on (broker 2)',
        'verdict: nothing is wrong',
      ].join('\n'),
    })
  })

  it('is wrong when something never legal happened, and shows it', () => {
    const { code, text } = verdictOf(script().send('w', 'a-0', 1, 0).finalRead('a-0', []).check())
    expect(code).toBe(VerdictCode.wrong)
    expect(text).toContain('lost                    1')
    expect(text).toContain('WRONG: unseen ×1: committed, and not found by the final read')
    expect(text).toContain(
      '  a-0: 1 was acknowledged with offset 0, and the final read came to the end of the log, 0',
    )
    expect(text).toContain('    i 0 (w, send ok)')
    expect(text).toMatch(/verdict: WRONG: unseen ×1$/)
  })

  it.each([
    ['nothing was acknowledged', script()],
    [
      'a-0 has no final read',
      script()
        .send('w', 'a-0', 1, 0)
        .poll('r', { 'a-0': [[0, 1]] }),
    ],
    ['records committed and read by nobody: 1', script().send('w', 'a-0', 1, 0)],
    [
      'the final read of a-0 did not reach the end: no leader',
      script()
        .send('w', 'a-0', 1, 0)
        .poll('r', { 'a-0': [[0, 1]] })
        .add('r', 'final', 'info', [['e', 'a-0', 0]], { err: 'no leader' }),
    ],
    [
      'the final read of a-0 did not reach the end: it never ended',
      script()
        .send('w', 'a-0', 1, 0)
        .add('r', 'final', 'invoke', [['e', 'a-0', 0]]),
    ],
  ])('is undecided when %s', (reason, history) => {
    const { code, text } = verdictOf(history.check())
    expect(code).toBe(VerdictCode.undecided)
    expect(text).toContain(`not shown: ${reason}`)
  })
})
