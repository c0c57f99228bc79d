import { seededRng } from '@millrace/base'
import { BrokerError, ConnectionError, TimeoutError } from '@millrace/client'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { retrying } from '../../src/retry/retrying.ts'

function rig() {
  const world = new VirtualWorld()
  const env = { clock: world.clock, timers: world.timers, rng: seededRng(1) }
  const startMs = world.clock.monoMs()
  const context = { env, backoff: { initialMs: 100, maxMs: 1000 }, noControllerTimeoutMs: 300 }
  return { world, context, startMs }
}

describe('retrying', () => {
  it('gives the result of the first try that succeeds', async () => {
    const { world, context, startMs } = rig()
    let tries = 0
    const result = retrying(context, 'work', { deadlineMs: startMs + 10_000, signal: undefined }, () =>
      ++tries < 3 ? Promise.reject(new ConnectionError('lost')) : Promise.resolve('done'),
    )
    await world.advance(1000)
    expect(await result).toBe('done')
    expect(world.pendingTimers).toBe(0)
  })

  it('ends at the deadline with the last failure as its cause', async () => {
    const { world, context, startMs } = rig()
    const failure = new ConnectionError('connection refused')
    const result = retrying(context, 'list topics', { deadlineMs: startMs + 500, signal: undefined }, () =>
      Promise.reject(failure),
    )
    const rejected = expect(result).rejects.toMatchObject({
      name: 'TimeoutError',
      code: 'TIMEOUT',
      cause: failure,
    })
    await world.advance(1000)
    await rejected
    await expect(result).rejects.toThrow(
      /list topics did not succeed in \d+ ms \(\d tries\). Last: connection refused/,
    )
  })

  it('waits for an active controller no longer than it may, and for other things until the deadline', async () => {
    const { world, context, startMs } = rig()
    const scope = { deadlineMs: startMs + 10_000, signal: undefined }
    const failing = (error: Error) => retrying(context, 'work', scope, () => Promise.reject(error))
    const ends = async (result: Promise<unknown>): Promise<number> => {
      await expect(result).rejects.toBeInstanceOf(TimeoutError)
      return world.clock.monoMs() - startMs
    }
    const leaderless = ends(failing(new BrokerError(ErrorCode.NOT_CONTROLLER, 'work')))
    const other = ends(failing(new BrokerError(ErrorCode.NOT_LEADER_OR_FOLLOWER, 'work')))
    await world.advance(300)
    expect(await leaderless).toBeLessThanOrEqual(300)
    await world.advance(10_000)
    expect(await other).toBeGreaterThan(8000)
  })

  it('ends at the deadline although a try never answers, and tells that try', async () => {
    const { world, context, startMs } = rig()
    let given: AbortSignal | undefined
    const result = retrying(context, 'work', { deadlineMs: startMs + 500, signal: undefined }, (signal) => {
      given = signal
      return new Promise<never>(() => undefined)
    })
    const rejected = expect(result).rejects.toBeInstanceOf(TimeoutError)
    await world.advance(500)
    await rejected
    expect(given!.aborted).toBe(true)
  })

  it('ends at once with the reason when aborted, in a try and between tries', async () => {
    for (const attempt of [
      () => new Promise<never>(() => undefined),
      () => Promise.reject(new ConnectionError('x')),
    ]) {
      const { world, context, startMs } = rig()
      const controller = new AbortController()
      const scope = { deadlineMs: startMs + 10_000, signal: controller.signal }
      const result = retrying(context, 'work', scope, attempt)
      const rejected = expect(result).rejects.toBe('enough')
      await world.advance(10)
      controller.abort('enough')
      await rejected
      expect(world.pendingTimers).toBe(0)
    }
  })

  it('does not begin when it is already aborted', async () => {
    const { context } = rig()
    let tries = 0
    const scope = { deadlineMs: Infinity, signal: AbortSignal.abort('before') }
    await expect(retrying(context, 'work', scope, () => Promise.resolve(tries++))).rejects.toBe('before')
    expect(tries).toBe(0)
  })
})
