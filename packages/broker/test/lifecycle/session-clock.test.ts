import { describe, expect, it } from 'vitest'
import { SessionClock } from '../../src/lifecycle/session-clock.ts'
import { VirtualTime } from '../support/virtual-time.ts'

function rig() {
  const time = new VirtualTime()
  const told: boolean[] = []
  const session = new SessionClock({ clock: time, timers: time }, 2000, (isOver) => told.push(isOver))
  return { time, told, session }
}

describe("a broker's session by its own clock", () => {
  it('begins with the first renewal, and is over when it has not been renewed for its time', () => {
    const { time, told, session } = rig()
    time.advance(10_000)
    session.renew()
    time.advance(1500)
    session.renew()
    time.advance(1999)
    expect(told).toEqual([])
    time.advance(1)
    expect(told).toEqual([true])
    time.advance(10_000)
    expect(told).toEqual([true])
  })

  it('goes on with the next renewal, and can be over again', () => {
    const { time, told, session } = rig()
    session.renew()
    time.advance(5000)
    session.renew()
    expect(told).toEqual([true, false])
    time.advance(2000)
    expect(told).toEqual([true, false, true])
  })

  it('sets no timer for a renewal', () => {
    const { time, session } = rig()
    for (let renewal = 0; renewal < 100; renewal++) {
      session.renew()
      time.advance(10)
    }
    expect(time.armed).toBe(1)
  })

  it('says nothing any more once it is closed', () => {
    const { time, told, session } = rig()
    session.renew()
    session.close()
    time.advance(5000)
    expect([told, time.pendingTimers]).toEqual([[], 0])
  })
})
