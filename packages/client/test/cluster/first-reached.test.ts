import { ConnectionError } from '@millrace/client'
import { describe, expect, it } from 'vitest'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { firstReached } from '../../src/cluster/first-reached.ts'

const endpoints = [1, 2, 3].map((port) => ({ host: 'h', port }))

/** By port: milliseconds until it is reached, or the error that it fails with at once; silent ones are left out. */
function race(behaviour: Readonly<Record<number, number | Error>>) {
  const world = new VirtualWorld()
  const tried: [port: number, atMs: number][] = []
  const startMs = world.clock.monoMs()
  const outcome = firstReached(world.timers, endpoints, ({ port }) => {
    tried.push([port, world.clock.monoMs() - startMs])
    const result = behaviour[port]
    if (result instanceof Error) return Promise.reject(result)
    return new Promise<number>((resolve) => {
      if (result !== undefined) world.timers.after(result, () => resolve(port))
    })
  })
  outcome.catch(() => undefined)
  return { world, tried, outcome }
}

describe('the first address that is reached', () => {
  it('is the first one when it is quick, and no other is tried', async () => {
    const { world, tried, outcome } = race({ 1: 400, 2: 1 })
    await world.advance(10_000)
    expect(await outcome).toBe(1)
    expect(tried).toEqual([[1, 0]])
  })

  it('is the next one after a head start, when one is silent', async () => {
    const { world, tried, outcome } = race({ 3: 10 })
    await world.advance(10_000)
    expect(await outcome).toBe(3)
    expect(tried).toEqual([
      [1, 0],
      [2, 500],
      [3, 1000],
    ])
  })

  it('may still be one that was slow', async () => {
    const { world, outcome } = race({ 1: 700, 2: 5000 })
    await world.advance(10_000)
    expect(await outcome).toBe(1)
  })

  it('is the next one at once, when one refuses', async () => {
    const refused = new ConnectionError('refused')
    const { world, tried, outcome } = race({ 1: refused, 2: refused, 3: 10 })
    await world.advance(100)
    expect(await outcome).toBe(3)
    expect(tried.map(([, atMs]) => atMs)).toEqual([0, 0, 0])
  })

  it('is none when all fail, which the last failure tells', async () => {
    const errors = [1, 2, 3].map((port) => new ConnectionError(`refused ${port}`))
    const { world, outcome } = race({ 1: errors[0]!, 2: errors[1]!, 3: errors[2]! })
    await world.advance(1)
    await expect(outcome).rejects.toThrow('refused 3')
  })

  it('is not looked for any longer after another kind of error', async () => {
    const { world, tried, outcome } = race({ 1: new Error('closed') })
    await world.advance(10_000)
    await expect(outcome).rejects.toThrow('closed')
    expect(tried).toHaveLength(1)
  })
})
