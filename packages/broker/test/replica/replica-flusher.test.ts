import { DiskError } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/deadlines.ts'
import { ReplicaFlusher } from '../../src/replica/replica-flusher.ts'
import { VirtualTime } from '../support/virtual-time.ts'

type Done = (error: DiskError | null) => void

function rig() {
  const time = new VirtualTime()
  const underWay: Done[] = []
  const log = { failure: null as DiskError | null, flush: (done: Done) => void underWay.push(done) }
  /** Numbers of flushes that are on disk. */
  const flushed: number[] = []
  const counts = { begun: 0, logFailures: 0 }
  const flusher = new ReplicaFlusher({
    log,
    name: { topic: 'flights', partition: 0 },
    deadlines: new Deadlines(time, time),
    journal: silentLog,
    begins: () => {
      const number = ++counts.begun
      return () => void flushed.push(number)
    },
    onLogFailed: () => void (counts.logFailures += 1),
  })
  const end = (error: DiskError | null = null) => underWay.shift()!(error)
  return { time, log, underWay, flushed, counts, flusher, end }
}

const FULL = new DiskError('ENOSPC', '/data', 'no space')

describe('flushes of a replica', () => {
  it('come one at a time: what is asked for meanwhile shares the next', () => {
    const { flusher, underWay, flushed, end } = rig()
    for (let asked = 0; asked < 3; asked++) flusher.flush()
    expect(underWay).toHaveLength(1)
    end()
    expect(flushed).toEqual([1])
    expect(underWay).toHaveLength(1)
    end()
    expect(flushed).toEqual([1, 2])
    expect(underWay).toEqual([])
  })

  it('that may wait are made in time, by one flush, and not at all after an earlier one', () => {
    const { time, flusher, underWay, counts, end } = rig()
    flusher.flushWithin(50)
    flusher.flushWithin(10)
    time.advance(49)
    expect(underWay).toEqual([])
    time.advance(1)
    expect(underWay).toHaveLength(1)
    end()
    flusher.flushWithin(50)
    flusher.flush()
    end()
    time.advance(100)
    expect(counts.begun).toBe(2)
  })

  it('that find no space are tried again, and tell nothing before one has succeeded', () => {
    const { time, flusher, underWay, flushed, counts, end } = rig()
    flusher.flush()
    flusher.flush()
    end(FULL)
    expect([flushed, underWay]).toEqual([[], []])
    time.advance(100)
    end()
    expect(flushed).toEqual([2])
    expect(counts.logFailures).toBe(0)
  })

  it('that break the log are the last', () => {
    const { time, log, flusher, underWay, flushed, counts, end } = rig()
    flusher.flush()
    log.failure = new DiskError('EIO', '/data', 'broken')
    end(log.failure)
    expect(counts.logFailures).toBe(1)
    flusher.flush()
    time.advance(1000)
    expect([flushed, underWay]).toEqual([[], []])
  })

  it('have no consequences after a stop', () => {
    const { time, flusher, flushed, underWay, end } = rig()
    flusher.flush()
    flusher.flush()
    flusher.flushWithin(10)
    flusher.stop()
    end()
    time.advance(100)
    expect([flushed, underWay]).toEqual([[], []])
  })
})
