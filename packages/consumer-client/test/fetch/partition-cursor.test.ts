import { leaderEpoch } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import type { Position } from '@millrace/consumer-client'
import { PartitionCursor } from '../../src/fetch/partition-cursor.ts'

function started(at = 10, until?: Position): PartitionCursor {
  const cursor = new PartitionCursor('flights', 0, 'beginning', until)
  cursor.onStart(at)
  return cursor
}

describe('partition cursor', () => {
  it('fetches nothing before it knows where to start and where to stop', () => {
    const cursor = new PartitionCursor('flights', 0, 'beginning', 'end')
    expect([cursor.canFetch(0), cursor.needsStart(0)]).toEqual([false, true])
    cursor.onStart(3)
    expect([cursor.canFetch(0), cursor.needsStart(0)]).toEqual([false, true])
    cursor.onUntil(9)
    expect([cursor.canFetch(0), cursor.needsStart(0)]).toEqual([true, false])
  })

  it('is finished at its end, by position and not by what was fetched', () => {
    const cursor = started(0, 'end')
    cursor.onUntil(5)
    cursor.onFetched(8, leaderEpoch(1))
    expect([cursor.canFetch(0), cursor.isFinished]).toEqual([false, false])
    cursor.advanceTo(5)
    expect(cursor.isFinished).toBe(true)
  })

  it('is finished at once where there is nothing to read', () => {
    const cursor = started(7, 'end')
    cursor.onUntil(7)
    expect(cursor.isFinished).toBe(true)
  })

  it('never delivers backwards, except by a seek', () => {
    const cursor = started()
    cursor.advanceTo(20)
    cursor.advanceTo(15)
    expect(cursor.position).toBe(20)
    cursor.seek({ offset: 3 })
    expect([cursor.position, cursor.fetchOffset]).toEqual([3, 3])
  })

  it('makes worthless what was fetched before a seek, a pause and a recovery', () => {
    const cursor = started()
    cursor.onFetched(30, leaderEpoch(2))
    const generations = [cursor.generation]
    cursor.pause()
    generations.push(cursor.generation)
    expect([cursor.fetchOffset, cursor.lastFetchedEpoch, cursor.canFetch(0)]).toEqual([10, -1, false])
    cursor.resume()
    cursor.seek('end')
    generations.push(cursor.generation)
    cursor.fail()
    cursor.recover()
    generations.push(cursor.generation)
    expect(new Set(generations).size).toBe(4)
  })

  it('delivers what was fetched before a failure, and fetches no more until that was reported', () => {
    const cursor = started()
    const { generation } = cursor
    cursor.fail()
    expect([cursor.generation, cursor.canFetch(1e9)]).toEqual([generation, false])
    cursor.recover()
    expect(cursor.canFetch(0)).toBe(true)
  })

  it('knows its lag once a broker has told the end', () => {
    const cursor = started()
    expect(cursor.lag).toBeNull()
    cursor.highWatermark = 25
    expect(cursor.lag).toBe(15)
  })
})
