import { DiskError, offset } from '@millrace/base'
import type { Offset } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import type { Log } from '@millrace/storage'
import { describe, expect, it } from 'vitest'
import { LogCuts } from '../../src/replica/log-cuts.ts'
import { microtasks } from '../support/virtual-time.ts'

type Done = (error: DiskError | null) => void

class Rig {
  readonly done: string[] = []
  readonly flushes: Done[] = []
  readonly saved = Promise.withResolvers<void>()
  readonly warnings: string[] = []
  /** What it is cut for has passed. */
  isUnwanted = false
  cutFailure: DiskError | null = null
  readonly log = {
    logStartOffset: offset(2),
    logEndOffset: offset(9),
    truncateTo: (end: Offset) => this.#change(`to ${end}`, end),
    truncateFullyAndStartAt: (start: Offset) => this.#change(`all, to begin at ${start}`, start),
    flush: (done: Done) => void this.flushes.push(done),
  }
  readonly cuts: LogCuts

  constructor() {
    this.cuts = new LogCuts({
      log: this.log as unknown as Log,
      name: { topic: 'flights', partition: 0 },
      journal: { ...silentLog, warn: (_fields, message) => void this.warnings.push(message) },
      saveCheckpoint: () => {
        this.done.push('checkpoint')
        return this.saved.promise
      },
      begins: () => () => !this.isUnwanted,
      onCut: ({ generation, logEndOffset }) => this.done.push(`cut ${generation}, ends at ${logEndOffset}`),
      onLogFailed: () => this.done.push('failed'),
    })
  }

  truncate(reason: 'divergence' | 'damage' | 'unclean'): void {
    this.cuts.truncate({ kind: 'truncate', generation: 4, offset: offset(5), reason })
  }

  #change(what: string, end: Offset): void {
    if (this.cutFailure !== null) throw this.cutFailure
    this.done.push(what)
    this.log.logEndOffset = end
  }
}

const BROKEN = new DiskError('EIO', '/data', 'broken')

describe('a log that is cut', () => {
  it('tells so when that is on disk', () => {
    const rig = new Rig()
    rig.truncate('divergence')
    expect(rig.done).toEqual(['to 5'])
    rig.flushes[0]!(null)
    expect(rig.done).toEqual(['to 5', 'cut 4, ends at 5'])
    expect(rig.warnings).toEqual([])
  })

  it('for damage first writes down what it owes', async () => {
    const rig = new Rig()
    rig.truncate('damage')
    expect(rig.done).toEqual(['checkpoint'])
    rig.saved.resolve()
    await microtasks()
    expect(rig.done).toEqual(['checkpoint', 'to 5'])
    expect(rig.warnings).toHaveLength(1)
  })

  it('for damage keeps what it has when what it owes could not be written down', async () => {
    const rig = new Rig()
    rig.truncate('damage')
    rig.saved.reject(BROKEN)
    await microtasks()
    expect(rig.done).toEqual(['checkpoint', 'failed'])
  })

  it('may begin anew with nothing', () => {
    const rig = new Rig()
    rig.cuts.restart({ kind: 'restart-log', generation: 6, offset: offset(20), isUnclean: true })
    rig.flushes[0]!(null)
    expect(rig.done).toEqual(['all, to begin at 20', 'cut 6, ends at 20'])
    expect(rig.warnings).toHaveLength(1)
  })

  it('has failed when the cut, or its flush, has', () => {
    const rig = new Rig()
    rig.cutFailure = BROKEN
    rig.truncate('unclean')
    expect(rig.done).toEqual(['failed'])
    rig.cutFailure = null
    rig.truncate('unclean')
    rig.flushes[0]!(BROKEN)
    expect(rig.done).toEqual(['failed', 'to 5', 'failed'])
  })

  it('has nothing to tell to a replica that has begun anew meanwhile', async () => {
    const rig = new Rig()
    rig.truncate('divergence')
    rig.truncate('damage')
    rig.isUnwanted = true
    for (const flush of rig.flushes) flush(null)
    rig.saved.resolve()
    await microtasks()
    expect(rig.done).toEqual(['to 5', 'checkpoint'])
  })

  it('whose end a power cut has taken begins where its start was written down', () => {
    const rig = new Rig()
    rig.cuts.maybeBeginAtStart()
    expect(rig.done).toEqual([])
    rig.log.logStartOffset = offset(12)
    rig.cuts.maybeBeginAtStart()
    expect(rig.done).toEqual(['all, to begin at 12'])
    rig.flushes[0]!(BROKEN)
    expect(rig.done.at(-1)).toBe('failed')
  })
})
