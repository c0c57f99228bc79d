import { seededRng } from '@millrace/base'
import { ClosedError, ConnectionError } from '@millrace/client'
import type { DialOptions, Link, Wire } from '@millrace/client'
import { describe, expect, it } from 'vitest'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { ConnectionPool } from '../../src/cluster/connection-pool.ts'

class StubLink implements Link {
  isOpen = true
  readonly wire: Wire
  constructor(wire: Wire) {
    this.wire = wire
  }
  request(): Promise<never> {
    return Promise.reject(new Error('not used'))
  }
  send(): Promise<never> {
    return Promise.reject(new Error('not used'))
  }
  close(): void {
    this.isOpen = false
  }
}

const BROKER = { host: 'broker', port: 9092 }

function rig(wire: Wire | 'auto' = 'auto') {
  const world = new VirtualWorld()
  const dials: (DialOptions & { readonly port: number; readonly atMs: number })[] = []
  const outcomes: (Link | Error)[] = []
  const startMs = world.clock.monoMs()
  const pool = new ConnectionPool({
    env: { clock: world.clock, timers: world.timers, rng: seededRng(3) },
    dial: ({ port }, options) => {
      dials.push({ ...options, port, atMs: world.clock.monoMs() - startMs })
      const outcome = outcomes.shift() ?? new StubLink('native')
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
    },
    reconnectBackoff: { initialMs: 100, maxMs: 1000 },
    clientId: 'test',
    wire,
    connectTimeoutMs: 1000,
    onSilent: () => {},
  })
  return { world, dials, outcomes, pool }
}

describe('connection pool', () => {
  it('dials a broker once for all who need it', async () => {
    const { dials, pool } = rig()
    const [one, two] = await Promise.all([pool.acquire('shared', BROKER), pool.acquire('shared', BROKER)])
    expect(one).toBe(two)
    expect(await pool.acquire('shared', BROKER)).toBe(one)
    expect(dials.length).toBe(1)
  })

  it('keeps lanes and brokers on connections of their own', async () => {
    const { dials, pool } = rig()
    await pool.acquire('shared', BROKER)
    await pool.acquire('fetch-1', BROKER)
    await pool.acquire('shared', { ...BROKER, port: 9093 })
    expect(dials.length).toBe(3)
  })

  it('dials again after a break', async () => {
    const { dials, pool } = rig()
    const link = await pool.acquire('shared', BROKER)
    link.close()
    expect(pool.peek('shared', BROKER)).toBeNull()
    expect(await pool.acquire('shared', BROKER)).not.toBe(link)
    expect(dials.length).toBe(2)
  })

  it('waits longer after each failed dial, and not at all after a success', async () => {
    const { world, dials, outcomes, pool } = rig()
    outcomes.push(new ConnectionError('refused'), new ConnectionError('refused'))
    for (let attempt = 0; attempt < 3; attempt++) {
      const acquired = pool.acquire('shared', BROKER).catch(() => null)
      await world.advance(500)
      await acquired
    }
    const gaps = [dials[1]!.atMs - dials[0]!.atMs, dials[2]!.atMs - dials[1]!.atMs]
    expect(gaps[0]).toBe(500)
    expect(gaps[1]).toBe(500)
    pool.peek('shared', BROKER)!.close()
    await pool.acquire('shared', BROKER)
    expect(dials[3]!.atMs).toBe(1500)
  })

  it('does not dial before the backoff is over', async () => {
    const { world, dials, outcomes, pool } = rig()
    outcomes.push(new ConnectionError('refused'))
    await expect(pool.acquire('shared', BROKER)).rejects.toThrow('refused')
    const again = pool.acquire('shared', BROKER)
    await world.advance(79)
    expect(dials.length).toBe(1)
    await world.advance(41)
    expect(dials.length).toBe(2)
    await again
  })

  it('asks the other brokers of the cluster for the wire that the first one speaks', async () => {
    const { dials, outcomes, pool } = rig()
    outcomes.push(new StubLink('kafka'))
    await pool.acquire('shared', BROKER)
    await pool.acquire('shared', { ...BROKER, port: 9093 })
    expect(dials.map(({ wire }) => wire)).toEqual(['auto', 'kafka'])
    expect(pool.wire).toBe('kafka')
  })

  it('negotiates anew after a failure, because the broker may have been replaced', async () => {
    const { world, dials, outcomes, pool } = rig()
    const link = await pool.acquire('shared', BROKER)
    link.close()
    outcomes.push(new ConnectionError('refused'))
    await expect(pool.acquire('shared', BROKER)).rejects.toThrow('refused')
    const again = pool.acquire('shared', BROKER)
    await world.advance(200)
    await again
    expect(dials.map(({ wire }) => wire)).toEqual(['auto', 'native', 'auto'])
  })

  it('closes everything and dials no more', async () => {
    const { pool } = rig()
    const link = await pool.acquire('shared', BROKER)
    pool.close()
    expect(link.isOpen).toBe(false)
    await expect(pool.acquire('shared', BROKER)).rejects.toBeInstanceOf(ClosedError)
  })

  it('closes one lane and leaves the others', async () => {
    const { pool } = rig()
    const shared = await pool.acquire('shared', BROKER)
    const fetch = await pool.acquire('fetch-1', BROKER)
    pool.closeLane('fetch-1')
    expect([shared.isOpen, fetch.isOpen]).toEqual([true, false])
  })
})
