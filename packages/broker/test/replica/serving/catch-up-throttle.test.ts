import { describe, expect, it } from 'vitest'
import { CatchUpThrottle } from '../../../src/replica/serving/catch-up-throttle.ts'
import { VirtualTime } from '../../support/virtual-time.ts'

describe('replicas that catch up', () => {
  it('get the configured bytes per second on average, whatever the size of what goes at once', () => {
    const time = new VirtualTime()
    const throttle = new CatchUpThrottle(time, 1000)
    let sent = 0
    for (let elapsedMs = 0; elapsedMs < 60_000; elapsedMs += 10) {
      time.advance(10)
      if (throttle.waitMs > 0) continue
      throttle.spend(3500)
      sent += 3500
    }
    expect(sent / 60).toBeGreaterThan(950)
    expect(sent / 60).toBeLessThan(1100)
  })

  it('do not save up what they left unused', () => {
    const time = new VirtualTime()
    const throttle = new CatchUpThrottle(time, 1000)
    time.advance(60_000)
    throttle.spend(1000)
    expect(throttle.waitMs).toBe(1000)
  })

  it('are not held up without a limit', () => {
    const throttle = new CatchUpThrottle(new VirtualTime(), Infinity)
    throttle.spend(1e12)
    expect(throttle.waitMs).toBe(0)
  })
})
