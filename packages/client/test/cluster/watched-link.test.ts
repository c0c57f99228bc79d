import type { Link } from '@millrace/client'
import { describe, expect, it } from 'vitest'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { WatchedLink } from '../../src/cluster/watched-link.ts'

function rig() {
  const world = new VirtualWorld()
  const answers: (() => void)[] = []
  const link: Link = {
    wire: 'native',
    isOpen: true,
    request: () => new Promise((resolve) => answers.push(() => resolve({} as never))),
    send: () => Promise.resolve(),
    close: () => {},
  }
  let alarms = 0
  const watched = new WatchedLink(link, { clock: world.clock, timers: world.timers }, () => (alarms += 1))
  const ask = () => watched.request('ApiVersions', {}, { timeoutMs: 30_000 })
  return { world, answers, watched, ask, alarms: () => alarms }
}

describe('a link on which nothing comes back', () => {
  it('is silent after a second, and says so four times a second from then on', async () => {
    const { world, watched, ask, alarms } = rig()
    void ask()
    await world.advance(999)
    expect([watched.isSilent, alarms()]).toEqual([false, 0])
    await world.advance(1)
    expect([watched.isSilent, alarms()]).toEqual([true, 1])
    await world.advance(2000)
    expect(alarms()).toBe(9)
  })

  it('is not silent while answers come, however long one request waits', async () => {
    const { world, answers, ask, alarms } = rig()
    void ask()
    for (let round = 0; round < 5; round++) {
      const other = ask()
      await world.advance(600)
      answers.pop()!()
      await other
    }
    expect(alarms()).toBe(0)
  })

  it('lets a fetch wait as long as it is meant to', async () => {
    const { world, watched, alarms } = rig()
    void watched.request('Fetch', { maxWaitMs: 5000, minBytes: 1, topics: [] }, { timeoutMs: 60_000 })
    await world.advance(5900)
    expect(alarms()).toBe(0)
    await world.advance(200)
    expect(alarms()).toBe(1)
  })

  it('has nothing to watch once all is answered', async () => {
    const { world, answers, ask, alarms } = rig()
    const only = ask()
    answers[0]!()
    await only
    await world.advance(10_000)
    expect(alarms()).toBe(0)
  })
})
