import { describe, expect, it } from 'vitest'
import { ReplicaClock } from '../../src/replica/replica-clock.ts'
import type { TickedReplica } from '../../src/replica/replica-surroundings.ts'
import { VirtualTime } from '../support/virtual-time.ts'

class Replica implements TickedReplica {
  wantsTick = false
  hasUntoldHighWatermark = false
  ticks = 0
  told = 0
  onTick: () => void = () => {}

  tick(): void {
    this.ticks += 1
    this.onTick()
  }

  tellHighWatermark(): void {
    this.told += 1
  }
}

function rig() {
  const time = new VirtualTime()
  return { time, clock: new ReplicaClock(time), replica: new Replica() }
}

describe('the clock of replicas', () => {
  it('wakes a replica every 20 ms for as long as it wants to be woken', () => {
    const { time, clock, replica } = rig()
    replica.wantsTick = true
    clock.consider(replica)
    time.advance(100)
    expect(replica.ticks).toBe(5)
    replica.onTick = () => {
      replica.wantsTick = false
      clock.consider(replica)
    }
    time.advance(100)
    expect(replica.ticks).toBe(6)
    expect(replica.told).toBe(0)
  })

  it('has followers told of the high watermark within 100 ms', () => {
    const { time, clock, replica } = rig()
    replica.hasUntoldHighWatermark = true
    clock.consider(replica)
    time.advance(99)
    expect(replica.told).toBe(0)
    time.advance(1)
    expect(replica.told).toBe(1)
    expect(replica.ticks).toBe(0)
  })

  it('stands still while nobody is to be woken', () => {
    const { time, clock, replica } = rig()
    clock.consider(replica)
    expect(time.pendingTimers).toBe(0)
    replica.wantsTick = true
    clock.consider(replica)
    expect(time.pendingTimers).toBe(1)
    replica.wantsTick = false
    clock.consider(replica)
    time.advance(1000)
    expect([replica.ticks, time.pendingTimers]).toEqual([0, 0])
  })

  it('wakes all who want it in one turn, also one that comes or goes meanwhile', () => {
    const { time, clock, replica } = rig()
    const other = new Replica()
    const late = new Replica()
    for (const one of [replica, other, late]) one.wantsTick = true
    replica.onTick = () => {
      clock.forget(replica)
      clock.consider(late)
    }
    clock.consider(replica)
    clock.consider(other)
    time.advance(20)
    expect([replica.ticks, other.ticks, late.ticks]).toEqual([1, 1, 0])
    time.advance(20)
    expect([replica.ticks, other.ticks, late.ticks]).toEqual([1, 2, 1])
    expect(time.pendingTimers).toBe(1)
  })

  it('wakes nobody that has gone, and nobody at all once it is closed', () => {
    const { time, clock, replica } = rig()
    replica.wantsTick = true
    replica.hasUntoldHighWatermark = true
    clock.consider(replica)
    clock.forget(replica)
    time.advance(200)
    expect([replica.ticks, replica.told]).toEqual([0, 0])
    clock.consider(replica)
    clock.close()
    time.advance(200)
    expect([replica.ticks, replica.told, time.pendingTimers]).toEqual([0, 0, 0])
  })
})
