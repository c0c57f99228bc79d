/** Time, processes and their deaths. */
import { describe, expect, it } from 'vitest'
import type { Env } from '@millrace/base'
import { simulate, SimulatedStop, Violation, type World } from '../../src/index.ts'

/** Two nodes that talk, write and wait, with everything that is drawn by seed. */
function chatter(world: World): string {
  const server = world.addNode('n1')
  const client = world.addNode('n2')
  server.start((env) => {
    env.disk.mkdir('/data')
    const file = env.disk.open('/data/log', 'create')
    let position = 0
    env.net.listen(
      { host: 'n1', port: 9092 },
      {
        onReady() {},
        onError() {},
        onConnection: (conn) => ({
          onData(chunk) {
            position += env.disk.pwritev(file, [chunk], position)
            const answer = Buffer.from(chunk)
            env.disk.sync(file, () => void conn.write([answer]))
          },
          onClose() {},
        }),
      },
    )
  })
  client.start(async (env) => {
    const rng = env.rng.fork('payload')
    await wait(env, 5)
    let expected = 500
    const conn = env.net.dial(
      { host: 'n1', port: 9092 },
      {
        onData(chunk) {
          expected -= chunk.length
          if (expected > 0) return
          expected = 1 + rng.below(300)
          conn.write([Buffer.alloc(expected, rng.below(256))])
        },
        onClose() {},
      },
    )
    for (let i = 0; i < 5; i += 1) {
      conn.write([Buffer.alloc(100, i)])
      await wait(env, env.rng.below(50))
    }
  })
  world.runFor(2000)
  return `${world.trace.hash} ${world.scheduler.steps}`
}

function wait(env: Env, delayMs: number): Promise<void> {
  return new Promise((resolve) => void env.timers.after(delayMs, resolve))
}

describe('a world', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [first, second, other] = [
      await simulate({ seed: 7 }, chatter),
      await simulate({ seed: 7 }, chatter),
      await simulate({ seed: 8 }, chatter),
    ]
    expect(first).toBe(second)
    expect(other.split(' ')[0]).not.toBe(first.split(' ')[0])
    expect(Number(first.split(' ')[1])).toBeGreaterThan(100)
  })

  it('is not changed by recording, nor by a node that does nothing', async () => {
    const plain = await simulate({ seed: 7 }, chatter)
    const recorded = await simulate({ seed: 7, recording: true }, (world) => {
      world.addNode('idle')
      const result = chatter(world)
      expect(world.trace.lines.length).toBeGreaterThan(0)
      return result
    })
    expect(recorded).toBe(plain)
  })

  it('runs all continuations of an event at its time, however many awaits there are', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start(async (env) => {
        await wait(env, 10)
        for (let i = 0; i < 5; i += 1) await nested(i)
        seen.push(`awaited at ${world.nowMs}`)
        await Promise.all([1, 2].map(() => Promise.resolve()))
        env.timers.endOfTurn(() => seen.push(`turn ended at ${world.nowMs}`))
      })
      node.run((env) => void env.timers.after(10, () => seen.push('later event of the same time')))
      world.runFor(20)
      expect(seen).toEqual(['awaited at 10', 'turn ended at 10', 'later event of the same time'])
    })
  })

  async function nested(depth: number): Promise<number> {
    return depth === 0 ? 0 : 1 + (await nested(depth - 1))
  }

  it('gives each asked-for end of turn a turn of its own', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start((env) => {
        env.timers.endOfTurn(() => {
          seen.push('first')
          env.timers.endOfTurn(() => seen.push('second'))
        })
        env.timers.after(0, () => seen.push('event'))
      })
      world.runFor(1)
      expect(seen).toEqual(['first', 'event', 'second'])
    })
  })

  it('hands out results and errors of tasks, and says when they are stuck', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      node.start(() => {})
      expect(world.perform(node, (env) => wait(env, 30).then(() => 'done'), 100)).toBe('done')
      expect(() => world.perform(node, () => Promise.reject(new RangeError('no')), 100)).toThrow(RangeError)
    })
    const stuck = simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      node.start(() => {})
      world.perform(node, () => new Promise(() => {}), 100)
    })
    await expect(stuck).rejects.toMatchObject({ kind: 'stuck', atMs: 0 })
  })
})

describe('timers', () => {
  it('run in order of their time, the cancelled ones never', async () => {
    await simulate({ seed: 1 }, (world) => {
      const seen: number[] = []
      const node = world.addNode('n1')
      node.start((env) => {
        for (const delayMs of [30, 10, 20]) env.timers.after(delayMs, () => seen.push(delayMs))
        env.timers.cancel(env.timers.after(15, () => seen.push(15)))
      })
      world.runFor(100)
      expect(seen).toEqual([10, 20, 30])
    })
  })

  it('follow their machine: a fast clock fires early by true time, on time by its own', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      node.clock.setRate(1.05)
      let fired = { trueMs: 0, localMs: 0 }
      node.start((env) => {
        const startMs = env.clock.monoMs()
        env.timers.after(1050, () => {
          fired = { trueMs: world.nowMs, localMs: env.clock.monoMs() - startMs }
        })
      })
      world.runFor(2000)
      expect(fired.trueMs).toBeCloseTo(1000, 1)
      expect(fired.localMs).toBeGreaterThanOrEqual(1050)
    })
  })

  it('do not feel jumps of the wall clock', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const tenYearsMs = 10 * 365 * 86_400_000
      let walls: number[] = []
      node.start((env) => {
        walls.push(env.clock.wallMs())
        env.timers.after(100, () => walls.push(env.clock.wallMs()))
      })
      world.runFor(50)
      node.clock.jumpWall(-tenYearsMs)
      world.runFor(51)
      expect(walls[1]! - walls[0]!).toBe(100 - tenYearsMs)
      walls = []
    })
  })
})

describe('a killed process', () => {
  it('does nothing more: its timers and syncs are gone at once', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start((env) => {
        env.disk.mkdir('/d')
        const file = env.disk.open('/d/f', 'create')
        env.disk.sync(file, () => seen.push('sync'))
        env.timers.after(10, () => seen.push('timer'))
        env.timers.endOfTurn(() => seen.push('turn'))
      })
      world.runFor(0)
      const pending = world.scheduler.pending
      node.kill()
      expect(pending).toBe(2)
      expect(world.scheduler.pending).toBe(0)
      world.runFor(100)
      expect(seen).toEqual(['turn'])
    })
  })

  it('may hear of the end of a signal, whose listener dies as everything else does', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      let env!: Env
      node.start((own) => void (env = own))
      world.runFor(0)
      const abort = new AbortController()
      abort.signal.addEventListener('abort', () => env.clock.monoMs())
      node.kill()
      abort.abort()
    })
  })

  it('gets SimulatedStop from every part of its world, also after catching it', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      let env!: Env
      node.start((own) => void (env = own))
      world.runFor(0)
      const { timers, disk, net, rng, entropy, clock, log, jobs, host } = env
      const child = log.child({ part: 'x' })
      const stream = rng.fork('x')
      node.kill()
      const calls = [
        () => clock.monoMs(),
        () => clock.wallMs(),
        () => timers.after(1, () => {}),
        () => timers.endOfTurn(() => {}),
        () => stream.u32(),
        () => entropy.bytes(1),
        () => disk.exists('/'),
        () => net.dial({ host: 'n1', port: 1 }, { onData() {}, onClose() {} }),
        () => child.info({}, 'x'),
        () => void jobs.run({ pool: 'codec', module: '', run: () => 1 }, 1),
        () => host.halt('again'),
      ]
      for (const call of calls) expect(call).toThrow(SimulatedStop)
    })
  })

  it('may throw and reject what it likes on its way out', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      let caught = 0
      node.start(async (env) => {
        await wait(env, 1)
        void Promise.reject(new Error('nobody cares'))
        try {
          env.host.halt('enough')
        } catch {
          caught += 1
        }
        env.log.error({}, 'not reached')
        caught += 1
      })
      world.runFor(10)
      expect(caught).toBe(1)
      expect(node.halts).toEqual(['enough'])
      expect(node.state).toBe('dead')
    })
  })

  it('starts again in a new life, which hears nothing of the old one', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start((env) => {
        const life = node.lives
        env.timers.after(10, () => seen.push(`life ${life}`))
      })
      world.runFor(5)
      node.kill()
      node.restart()
      world.runFor(20)
      expect(seen).toEqual(['life 2'])
    })
  })

  it('draws other numbers in another life, and the same on another run', async () => {
    const run = (): Promise<string[]> =>
      simulate({ seed: 3 }, (world) => {
        const node = world.addNode('n1')
        const ids: string[] = []
        node.start((env) => void ids.push(Buffer.from(env.entropy.bytes(6)).toString('hex')))
        world.runFor(1)
        node.kill()
        node.restart()
        world.runFor(1)
        return ids
      })
    const [first, second] = [await run(), await run()]
    expect(first).toEqual(second)
    expect(new Set(first).size).toBe(2)
  })
})

describe('a disk', () => {
  it('keeps unsynced bytes over a kill, and may lose them in a later power cut', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const sizes: number[] = []
      node.start((env) => {
        env.disk.mkdir('/d')
        const file = env.disk.open('/d/f', 'create')
        sizes.push(env.disk.size(file))
        env.disk.pwritev(file, [Buffer.alloc(10)], 0)
        for (const path of ['/', '/d']) env.disk.syncDir(path, () => {})
      })
      world.runFor(200)
      node.kill()
      node.restart()
      world.runFor(200)
      node.powerCut('none')
      node.restart()
      world.runFor(200)
      expect(sizes).toEqual([0, 10, 0])
    })
  })

  it('can lose power at any chosen write, and the process notices nothing', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      let swallowed = false
      node.start((env) => {
        env.disk.mkdir('/d')
        const file = env.disk.open('/d/f', 'create')
        for (let at = 0; at < 5; at += 1) {
          try {
            env.disk.pwritev(file, [Buffer.from([at])], at)
          } catch {
            swallowed = true
          }
        }
      })
      let stopped = false
      node.powerCutAtWrite(4, 'all', () => void (stopped = true))
      world.runFor(10)
      expect([stopped, swallowed, node.state]).toEqual([true, true, 'without-power'])
      expect(node.disk.contentOf('/d/f')).toEqual(Buffer.from([0, 1]))
    })
  })
})

describe('a paused process', () => {
  it('gets what came meanwhile in order, late', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start((env) => {
        for (const delayMs of [20, 10, 200]) {
          env.timers.after(delayMs, () => seen.push(`${delayMs} at ${world.nowMs}`))
        }
        const cancelled = env.timers.after(15, () => seen.push('cancelled'))
        env.timers.after(12, () => env.timers.cancel(cancelled))
      })
      world.runFor(5)
      node.pause()
      world.runFor(95)
      expect(seen).toEqual([])
      node.resume()
      world.runFor(200)
      expect(seen).toEqual(['10 at 100', '20 at 100', '200 at 200'])
    })
  })

  it('may die in its sleep', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: string[] = []
      node.start((env) => void env.timers.after(10, () => seen.push(`life ${node.lives}`)))
      world.runFor(5)
      node.pause()
      world.runFor(10)
      node.kill()
      node.restart()
      world.runFor(20)
      expect(seen).toEqual(['life 2'])
    })
  })

  it('or a slow one, handles one event after the other', async () => {
    await simulate({ seed: 1 }, (world) => {
      const node = world.addNode('n1')
      const seen: number[] = []
      node.start((env) => {
        for (let i = 0; i < 3; i += 1) env.timers.after(10, () => seen.push(world.nowMs))
      })
      world.runFor(1)
      node.setEventMs(5)
      world.runFor(100)
      expect(seen).toEqual([10, 15, 20])
    })
  })
})

describe('a run ends with a violation', () => {
  const cases: readonly (readonly [string, string, (env: Env) => void | Promise<void>])[] = [
    [
      'when an event throws',
      'exception',
      (env) =>
        void env.timers.after(1, () => {
          throw new Error('boom')
        }),
    ],
    [
      'when nobody handles a rejection',
      'rejection',
      (env) => void env.timers.after(1, () => void Promise.reject(new Error('boom'))),
    ],
    ['when a main fails', 'start', (env) => wait(env, 1).then(() => Promise.reject(new Error('boom')))],
    ['when code asks another clock', 'banned-call', (env) => void env.timers.after(1, () => void Date.now())],
    [
      'when code asks another clock and hides it',
      'banned-call',
      (env) =>
        void env.timers.after(1, () => {
          try {
            setTimeout(() => {}, 1)
          } catch {
            // What product code must not do.
          }
        }),
    ],
    ['when code rolls its own dice', 'banned-call', () => void Math.random()],
    ['when code asks for today', 'banned-call', () => void new Date()],
  ]

  it.each(cases)('%s', async (_title, kind, main) => {
    const run = simulate({ seed: 1 }, (world) => {
      world.addNode('n1').start(main)
      world.runFor(10)
    })
    const error = await run.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(Violation)
    expect(error).toMatchObject({ kind, node: 'n1' })
  })

  it('and puts clocks, timers and chance back', async () => {
    const before = [Date, Date.now, Math.random, setTimeout, crypto.getRandomValues]
    await expect(simulate({ seed: 1 }, () => Date.now())).rejects.toThrow('banned-call')
    expect([Date, Date.now, Math.random, setTimeout, crypto.getRandomValues]).toEqual(before)
    expect(new Date().getTime()).toBeGreaterThan(0)
  })

  it('but dates made from numbers are arithmetic', async () => {
    const text = await simulate({ seed: 1 }, () => new Date(0).toISOString())
    expect(text).toBe('1970-01-01T00:00:00.000Z')
  })
})
