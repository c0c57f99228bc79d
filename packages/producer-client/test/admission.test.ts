import { describe, expect, it } from 'vitest'
import { Admission } from '../src/admission.ts'
import type { PendingRecord } from '../src/admission.ts'

function rig() {
  const admission = new Admission()
  const entered: string[] = []
  const failed: string[] = []
  const left: string[] = []
  const wait = (topic: string, value: string, deadlineMs = 1000): PendingRecord => {
    const record: PendingRecord = {
      key: null,
      value,
      headers: undefined,
      partition: -1,
      timestamp: 0,
      sink: { onDelivered: () => {}, onFailed: (error) => failed.push(`${value}: ${error.message}`) },
      onLeft: () => left.push(value),
    }
    admission.wait(topic, record, deadlineMs)
    return record
  }
  const enterAll = (_topic: string, { value }: PendingRecord): boolean => {
    entered.push(value as string)
    return true
  }
  return { admission, entered, failed, left, wait, enterAll }
}

describe('admission', () => {
  it('lets records of a topic in by the order of sending', () => {
    const { admission, entered, left, wait, enterAll } = rig()
    for (const value of ['1', '2', '3']) wait('a', value)
    admission.advance(enterAll)
    expect(entered).toEqual(['1', '2', '3'])
    expect(left).toEqual(entered)
    expect(admission.size).toBe(0)
    expect(admission.hasLine('a')).toBe(false)
  })

  it('lets nobody of a topic overtake one that has to go on waiting', () => {
    const { admission, entered, wait, enterAll } = rig()
    wait('a', 'a1')
    wait('a', 'a2')
    wait('b', 'b1')
    admission.advance((topic, record) => (record.value === 'a1' ? false : enterAll(topic, record)))
    expect(entered).toEqual(['b1'])
    admission.advance(enterAll)
    expect(entered).toEqual(['b1', 'a1', 'a2'])
  })

  it('takes turns between topics when there is room for little', () => {
    const { admission, entered, wait, enterAll } = rig()
    for (const value of ['a1', 'a2', 'a3']) wait('a', value)
    for (const value of ['b1', 'b2', 'b3']) wait('b', value)
    for (let room = 0; room < 4; room++) {
      let left = 1
      admission.advance((topic, record) => left-- > 0 && enterAll(topic, record))
    }
    expect(entered).toEqual(['a1', 'b1', 'a2', 'b2'])
  })

  it('fails a record that can never enter and goes on with the next', () => {
    const { admission, entered, failed, left, wait, enterAll } = rig()
    wait('a', 'bad')
    wait('a', 'good')
    admission.advance((topic, record) =>
      record.value === 'bad' ? new Error('never') : enterAll(topic, record),
    )
    expect([entered, failed, left]).toEqual([['good'], ['bad: never'], ['bad', 'good']])
  })

  it('fails what has waited until its deadline', () => {
    const { admission, failed, wait } = rig()
    wait('a', 'old', 100)
    wait('a', 'young', 200)
    expect(admission.nextDeadlineMs()).toBe(100)
    admission.expire(100, (topic) => new Error(`${topic} too long`))
    expect(failed).toEqual(['old: a too long'])
    expect(admission.size).toBe(1)
  })

  it('forgets a record that was withdrawn', () => {
    const { admission, entered, wait, enterAll } = rig()
    const record = wait('a', 'gone')
    wait('a', 'stays')
    admission.withdraw('a', record.sink)
    admission.withdraw('a', record.sink)
    admission.advance(enterAll)
    expect(entered).toEqual(['stays'])
  })

  it('knows which records were sent before a moment', () => {
    const { admission, wait, enterAll } = rig()
    wait('a', 'before')
    const mark = admission.nextSequence
    wait('b', 'after')
    expect(admission.oldestSequence()).toBeLessThan(mark)
    admission.advance((topic, record) => topic === 'a' && enterAll(topic, record))
    expect(admission.oldestSequence()).toBeGreaterThanOrEqual(mark)
  })
})
