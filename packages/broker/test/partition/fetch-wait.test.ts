import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/deadlines.ts'
import { FetchWait } from '../../src/partition/fetch-wait.ts'
import { VirtualTime } from '../support/virtual-time.ts'

function watching(missingBytes: number, maxWaitMs: number) {
  const time = new VirtualTime()
  const deadlines = new Deadlines(time, time)
  const partitions = [{ fetchWaits: new Set<FetchWait>() }, { fetchWaits: new Set<FetchWait>() }]
  let completions = 0
  const wait = new FetchWait(missingBytes, maxWaitMs, partitions, deadlines, () => completions++)
  return { time, deadlines, partitions, wait, completions: () => completions }
}

describe('FetchWait', () => {
  it('completes once all partitions together have brought enough bytes', () => {
    const { wait, partitions, completions } = watching(100, 500)
    wait.onReadable(60)
    expect(completions()).toBe(0)
    wait.onReadable(40)
    expect(completions()).toBe(1)
    expect(partitions.map(({ fetchWaits }) => fetchWaits.size)).toEqual([0, 0])
  })

  it('completes when its time is up, though nothing came', () => {
    const { time, completions } = watching(1, 500)
    time.advance(499)
    expect(completions()).toBe(0)
    time.advance(1)
    expect(completions()).toBe(1)
  })

  it('completes at most once', () => {
    const { time, wait, completions } = watching(1, 500)
    wait.complete()
    wait.complete()
    wait.onReadable(10)
    time.advance(1000)
    expect(completions()).toBe(1)
  })

  it('watches nothing and never completes after it was abandoned', () => {
    const { time, deadlines, wait, partitions, completions } = watching(1, 500)
    wait.abandon()
    wait.onReadable(10)
    time.advance(1000)
    expect(completions()).toBe(0)
    expect(deadlines.size).toBe(0)
    expect(partitions.map(({ fetchWaits }) => fetchWaits.size)).toEqual([0, 0])
  })
})
