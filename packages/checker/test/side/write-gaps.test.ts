import { describe, expect, it } from 'vitest'
import { script } from '../history-script.ts'

describe('the longest write gap', () => {
  it('of a fault is the longest between two acknowledgements of one key that touches its time', () => {
    const { faults, longestGap } = script()
      .at(0)
      .send('w', 'a-0', 1)
      .send('w', 'b-0', 2)
      .at(100)
      .add('nemesis', 'nemesis', 'invoke', [['n', 'pause', 'broker 1']])
      .at(110)
      .send('w', 'b-0', 3)
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 4]])
      .at(400)
      .add('nemesis', 'nemesis', 'ok', [['n', 'pause', 'broker 1']])
      .at(612)
      .add('w', 'send', 'ok', [['s', 'a-0', null, 4]])
      .check()
    expect(longestGap).toEqual({ key: 'a-0', beganMs: 112, lengthMs: 500, open: false })
    expect(faults).toEqual([
      { fault: 'pause', target: 'broker 1', beganMs: 100, endedMs: 400, gap: longestGap },
    ])
  })

  it('does not count the time in which nobody tried to write', () => {
    const { longestGap } = script().send('w', 'a-0', 1).at(9000).send('w', 'a-0', 2).check()
    expect(longestGap?.lengthMs).toBe(1)
  })

  it('counts attempts that failed as tries, not as ends', () => {
    const { longestGap } = script()
      .send('w', 'a-0', 1)
      .at(10)
      .send('w', 'a-0', 2, null, 'info')
      .at(50)
      .send('w', 'a-0', 3)
      .check()
    expect(longestGap).toEqual({ key: 'a-0', beganMs: 10, lengthMs: 41, open: false })
  })

  it('of a fault without an end is the one at its begin', () => {
    const { faults } = script()
      .send('w', 'a-0', 1)
      .at(10)
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 2]])
      .add('nemesis', 'nemesis', 'invoke', [['n', 'kill', null]])
      .at(30)
      .add('w', 'send', 'ok', [['s', 'a-0', null, 2]])
      .at(100)
      .add('w', 'send', 'invoke', [['s', 'a-0', null, 3]])
      .at(900)
      .add('w', 'send', 'ok', [['s', 'a-0', null, 3]])
      .check()
    expect(faults).toMatchObject([{ beganMs: 11, endedMs: 11, gap: { beganMs: 10, lengthMs: 20 } }])
  })

  it('stays open when nothing is acknowledged any more', () => {
    const { longestGap } = script()
      .send('w', 'a-0', 1)
      .at(10)
      .send('w', 'a-0', 2, null, 'info')
      .at(5000)
      .send('w', 'a-0', 3, null, 'info')
      .check()
    expect(longestGap).toEqual({ key: 'a-0', beganMs: 10, lengthMs: 4991, open: true })
  })
})
