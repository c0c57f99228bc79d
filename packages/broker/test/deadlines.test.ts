import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../src/deadlines.ts'
import type { Deadline } from '../src/deadlines.ts'
import { VirtualTime } from './support/virtual-time.ts'

describe('Deadlines', () => {
  it('runs each deadline once, in the order of their times, and none before its time', () => {
    const time = new VirtualTime()
    const deadlines = new Deadlines(time, time)
    const ran: string[] = []
    deadlines.after(300, () => ran.push('third'))
    deadlines.after(100, () => ran.push('first'))
    deadlines.after(200, () => ran.push('second'))

    time.advance(99)
    expect(ran).toEqual([])
    time.advance(1)
    expect(ran).toEqual(['first'])
    time.advance(1000)
    expect(ran).toEqual(['first', 'second', 'third'])
    expect(deadlines.size).toBe(0)
    expect(time.pendingTimers).toBe(0)
  })

  it('needs one timer for any number of deadlines with the same delay', () => {
    const time = new VirtualTime()
    const deadlines = new Deadlines(time, time)
    for (let i = 0; i < 1000; i++) deadlines.cancel(deadlines.after(500, () => {}))
    expect(time.armed).toBe(1)
    expect(time.pendingTimers).toBe(1)
  })

  it('does not run a cancelled deadline, however often it is cancelled', () => {
    const time = new VirtualTime()
    const deadlines = new Deadlines(time, time)
    let ran = 0
    const cancelled = deadlines.after(10, () => ran++)
    deadlines.after(20, () => ran++)
    deadlines.cancel(cancelled)
    deadlines.cancel(cancelled)
    time.advance(100)
    expect(ran).toBe(1)
  })

  it('runs a deadline that another one sets while it runs', () => {
    const time = new VirtualTime()
    const deadlines = new Deadlines(time, time)
    const ran: string[] = []
    deadlines.after(10, () => {
      ran.push('outer')
      deadlines.after(5, () => ran.push('inner'))
    })
    time.advance(14)
    expect(ran).toEqual(['outer'])
    time.advance(1)
    expect(ran).toEqual(['outer', 'inner'])
  })

  it('leaves no timer behind when it is closed', () => {
    const time = new VirtualTime()
    const deadlines = new Deadlines(time, time)
    let ran = false
    const deadline = deadlines.after(10, () => (ran = true))
    deadlines.close()
    deadlines.cancel(deadline)
    time.advance(100)
    expect(ran).toBe(false)
    expect(time.pendingTimers).toBe(0)
  })

  it('runs exactly what is due and was not cancelled, for any sequence of calls', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('after' as const), delayMs: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ kind: fc.constant('cancel' as const), index: fc.nat(30) }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 30 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const time = new VirtualTime()
        const deadlines = new Deadlines(time, time)
        const all: { deadline: Deadline; dueMs: number; state: 'waiting' | 'cancelled' | 'ran' }[] = []
        for (const chosen of steps) {
          if (chosen.kind === 'advance') time.advance(chosen.ms)
          else if (chosen.kind === 'after') {
            const dueMs = time.monoMs() + chosen.delayMs
            const known: (typeof all)[number] = {
              dueMs,
              state: 'waiting',
              deadline: deadlines.after(chosen.delayMs, () => {
                expect(known.state).toBe('waiting')
                known.state = 'ran'
              }),
            }
            all.push(known)
          } else if (all.length > 0) {
            const known = all[chosen.index % all.length]!
            deadlines.cancel(known.deadline)
            if (known.state === 'waiting') known.state = 'cancelled'
          }
          // One that is due now may still wait for the timer of this very moment.
          for (const known of all) if (known.dueMs < time.monoMs()) expect(known.state).not.toBe('waiting')
          expect(deadlines.size).toBe(all.filter(({ state }) => state === 'waiting').length)
        }
      }),
    )
  })
})
