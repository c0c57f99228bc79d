/** The simulated network keeps the contract of `Net`, and fails as TCP does. */
import type { CloseReason, Closer, Conn, ConnEvents, Endpoint, Env, NetError } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { simulate, type NetworkProfile, type SimNode, type World } from '../../src/index.ts'

const PORT = 9092

interface Side {
  conn: Conn
  received: Buffer[]
  closes: CloseReason[]
  opens: number
  drains: number
}

interface Rig {
  readonly world: World
  readonly a: SimNode
  readonly b: SimNode
  /** Connections that b accepted, in order. */
  readonly accepted: Side[]
  dial(extra?: Partial<ConnEvents>, to?: Endpoint): Side
  /** Runs `task` as a's or b's code at once. */
  as(node: SimNode, task: (env: Env) => void): void
  /** A connection from a to b, open at both ends. */
  connected(extra?: Partial<ConnEvents>): { readonly client: Side; readonly server: Side }
}

function sideEvents(side: Side, extra: Partial<ConnEvents>): ConnEvents {
  return {
    onOpen: () => void (side.opens += 1),
    onData: (chunk) => void side.received.push(Buffer.from(chunk)),
    onDrain: () => void (side.drains += 1),
    onClose: (reason) => void side.closes.push(reason),
    ...extra,
  }
}

function newSide(): Side {
  return { conn: undefined as unknown as Conn, received: [], closes: [], opens: 0, drains: 0 }
}

function rigIn(world: World, serverEvents: Partial<ConnEvents> = {}): Rig {
  const a = world.addNode('a')
  const b = world.addNode('b')
  const accepted: Side[] = []
  const listening = (env: Env): void => {
    env.net.listen(
      { host: 'b', port: PORT },
      {
        onReady() {},
        onError(error) {
          throw error
        },
        onConnection(conn) {
          const side = newSide()
          side.conn = conn
          accepted.push(side)
          return sideEvents(side, serverEvents)
        },
      },
    )
  }
  a.start(() => {})
  b.start(listening)
  world.runFor(1)
  const as = (node: SimNode, task: (env: Env) => void): void => {
    node.run(task)
    world.runFor(0)
  }
  const dial = (extra: Partial<ConnEvents> = {}, to: Endpoint = { host: 'b', port: PORT }): Side => {
    const side = newSide()
    as(a, (env) => void (side.conn = env.net.dial(to, sideEvents(side, extra))))
    return side
  }
  const connected = (extra: Partial<ConnEvents> = {}) => {
    const client = dial(extra)
    world.runUntil(() => client.opens === 1, 1000)
    return { client, server: accepted.at(-1)! }
  }
  return { world, a, b, accepted, dial, as, connected }
}

function withRig(
  run: (rig: Rig) => void,
  {
    seed = 1,
    network,
    server,
  }: { seed?: number; network?: Partial<NetworkProfile>; server?: Partial<ConnEvents> } = {},
): Promise<void> {
  return simulate({ seed, ...(network === undefined ? {} : { network }) }, (world) =>
    run(rigIn(world, server)),
  )
}

function pattern(bytes: number, start = 0): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i += 1) buffer[i] = (start + i * 7) % 251
  return buffer
}

describe('a connection', () => {
  it('carries bytes both ways, in order, in pieces of any size', async () => {
    const sizes = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      await withRig(
        ({ world, a, b, connected, as }) => {
          const { client, server } = connected()
          const sent = pattern(5000)
          as(
            a,
            () => void client.conn.write([sent.subarray(0, 7), sent.subarray(7, 3000), sent.subarray(3000)]),
          )
          as(b, () => void server.conn.write([pattern(100, 5)]))
          world.runFor(1000)
          expect(Buffer.concat(server.received)).toEqual(sent)
          expect(Buffer.concat(client.received)).toEqual(pattern(100, 5))
          for (const { length } of server.received) sizes.add(length)
        },
        { seed, network: { splitOneIn: 2 } },
      )
    }
    expect(sizes.size).toBeGreaterThan(3)
  })

  it('joins what arrives while nobody reads', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const { client, server } = connected()
      as(b, () => server.conn.pause())
      for (let i = 0; i < 10; i += 1) {
        as(a, () => void client.conn.write([pattern(10, i)]))
        world.runFor(5)
      }
      expect(server.received).toEqual([])
      as(b, () => server.conn.resume())
      world.runFor(50)
      expect(Buffer.concat(server.received)).toHaveLength(100)
      expect(server.received.length).toBeLessThan(10)
    })
  })

  it('knows both ends', async () => {
    await withRig(({ connected }) => {
      const { client, server } = connected()
      expect(server.conn.local).toEqual({ host: 'b', port: PORT })
      expect(server.conn.remote).toEqual(client.conn.local)
      expect(client.conn.local.host).toBe('a')
      expect(client.conn.remote).toEqual({ host: 'b', port: PORT })
    })
  })

  it('hands out memory that is overwritten after the callback, and takes bytes when it says so', async () => {
    const kept: Buffer[] = []
    await withRig(
      ({ world, a, connected, as }) => {
        const { client } = connected()
        const source = pattern(300_000)
        let written = false
        as(a, () => void client.conn.write([source], () => (written = true)))
        world.runUntil(() => written, 1000)
        source.fill(0)
        world.runFor(1000)
        expect(kept[0]!.every((byte) => byte === 0xdb)).toBe(true)
      },
      { server: { onData: (chunk) => void kept.push(chunk) } },
    )
  })

  it('reads into the memory that the reader offers, after the first read', async () => {
    const target = Buffer.alloc(20_000)
    let filled = 0
    let foreign = 0
    await withRig(
      ({ world, a, connected, as }) => {
        const { client } = connected()
        const sent = pattern(target.length)
        for (let at = 0; at < sent.length; at += 1000) {
          as(a, () => void client.conn.write([sent.subarray(at, at + 1000)]))
          world.runFor(5)
        }
        world.runFor(100)
        expect(filled).toBe(target.length)
        expect(foreign).toBeGreaterThan(0)
        expect(foreign).toBeLessThanOrEqual(1000)
        expect(target.subarray(foreign)).toEqual(sent.subarray(foreign))
      },
      {
        server: {
          receiveBuffer: () => (filled < target.length ? target.subarray(filled) : undefined),
          onData(chunk) {
            if (chunk.buffer !== target.buffer) foreign += chunk.length
            filled += chunk.length
          },
        },
      },
    )
  })

  it('feels backpressure: write says stop, onDrain says go on, pendingBytes says how much', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const { client, server } = connected()
      as(b, () => server.conn.pause())
      const answers: boolean[] = []
      for (let i = 0; i < 10; i += 1) {
        as(a, () => void answers.push(client.conn.write([pattern(50_000)])))
        world.runFor(5)
      }
      expect(answers[0]).toBe(true)
      expect(answers.at(-1)).toBe(false)
      expect(client.conn.pendingBytes).toBe(500_000 - 256 * 1024)
      const drainsBefore = client.drains
      as(b, () => server.conn.resume())
      world.runFor(1000)
      expect(client.drains).toBe(drainsBefore + 1)
      expect(client.conn.pendingBytes).toBe(0)
      expect(Buffer.concat(server.received)).toHaveLength(500_000)
    })
  })

  it('runs every onWritten once, in order, never inside the call, also when it is destroyed', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const { client, server } = connected()
      as(b, () => server.conn.pause())
      const order: string[] = []
      as(a, () => {
        client.conn.write([pattern(10)], () => order.push('sent'))
        client.conn.write([], () => order.push('nothing'))
        client.conn.write([pattern(400_000)], () => order.push('large'))
        client.conn.write([pattern(1)], () => order.push('behind it'))
        order.push('called')
      })
      world.runFor(5)
      expect(order.toSorted()).toEqual(['called', 'nothing', 'sent'])
      as(a, () => {
        client.conn.destroy()
        expect(client.conn.write([pattern(1)], () => order.push('after'))).toBe(false)
      })
      world.runFor(5)
      expect(order[0]).toBe('called')
      expect(order.slice(3).toSorted()).toEqual(['after', 'behind it', 'large'])
      expect(client.closes).toEqual(['local'])
    })
  })

  it('on the machine itself works by any of its names', async () => {
    await withRig(({ world, a, as }) => {
      let opens = 0
      as(a, (env) => {
        env.net.listen(
          { host: '0.0.0.0', port: 1000 },
          { onReady() {}, onError() {}, onConnection: () => ({ onData() {}, onClose() {} }) },
        )
        for (const host of ['127.0.0.1', 'localhost', 'a']) {
          env.net.dial({ host, port: 1000 }, { onOpen: () => void (opens += 1), onData() {}, onClose() {} })
        }
      })
      world.runFor(5)
      expect(opens).toBe(3)
    })
  })
})

describe('a connection ends', () => {
  it('local and eof: after everything that was written', async () => {
    await withRig(({ world, a, connected, as }) => {
      const { client, server } = connected()
      as(a, () => {
        client.conn.write([pattern(1_000_000)])
        client.conn.end()
      })
      world.runFor(1000)
      expect([client.closes, server.closes]).toEqual([['local'], ['eof']])
      expect(Buffer.concat(server.received)).toEqual(pattern(1_000_000))
    })
  })

  it('eof: only once the reader reads', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const { client, server } = connected()
      as(b, () => server.conn.pause())
      as(a, () => {
        client.conn.write([pattern(10)])
        client.conn.end()
      })
      world.runFor(100)
      expect(server.closes).toEqual([])
      as(b, () => server.conn.resume())
      world.runFor(100)
      expect([server.received.length > 0, server.closes]).toEqual([true, ['eof']])
    })
  })

  it('reset: when the other side leaves bytes unread, or is written to after it left', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const first = connected()
      as(b, () => first.server.conn.pause())
      as(a, () => void first.client.conn.write([pattern(10)]))
      world.runFor(10)
      as(b, () => first.server.conn.destroy())
      world.runFor(10)
      expect(first.client.closes).toEqual(['reset'])
    })
  })

  it('reset: by a box in between, for one end at once, for the other when it writes', async () => {
    await withRig(({ world, b, connected, as }) => {
      const both = connected()
      world.network.reset('a', 'b')
      world.runFor(5)
      expect([both.client.closes, both.server.closes]).toEqual([['reset'], ['reset']])
      const half = connected()
      world.network.resetOneSide('a', 'b')
      world.runFor(60_000)
      expect([half.client.closes, half.server.closes]).toEqual([['reset'], []])
      as(b, () => void half.server.conn.write([pattern(1)]))
      world.runFor(5)
      expect(half.server.closes).toEqual(['reset'])
    })
  })

  it('refused: nobody listens, or no longer', async () => {
    await withRig(({ world, b, dial }) => {
      const wrongPort = dial({}, { host: 'b', port: 1 })
      world.runFor(5)
      expect(wrongPort.closes).toEqual(['refused'])
      b.kill()
      const dead = dial()
      world.runFor(5)
      expect(dead.closes).toEqual(['refused'])
    })
  })

  it('unreachable: no such machine', async () => {
    await withRig(({ world, dial }) => {
      const nowhere = dial({}, { host: 'nowhere', port: 1 })
      world.runFor(5)
      expect(nowhere.closes).toEqual(['unreachable'])
    })
  })

  it('timeout: nobody answers a dial', async () => {
    await withRig(({ world, b, dial }) => {
      b.powerCut('none')
      const dialled = dial()
      world.runFor(126_000)
      expect(dialled.closes).toEqual([])
      world.runFor(2000)
      expect(dialled.closes).toEqual(['timeout'])
    })
  })

  it('timeout: bytes are not acknowledged for a quarter of an hour', async () => {
    await withRig(({ world, a, connected, as }) => {
      const { client, server } = connected()
      world.network.cut('a', 'b')
      as(a, () => void client.conn.write([pattern(1)]))
      world.runFor(920_000)
      expect(client.closes).toEqual([])
      world.runFor(10_000)
      expect([client.closes, server.closes]).toEqual([['timeout'], []])
    })
  })

  it('at once when a process is killed, not at all when its machine loses power', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const first = connected()
      b.kill()
      world.runFor(5)
      expect(first.client.closes).toEqual(['eof'])
      b.restart()
      world.runFor(1)
      const second = connected()
      b.powerCut('none')
      as(a, () => void second.client.conn.write([pattern(1)]))
      world.runFor(60_000)
      expect(second.client.closes).toEqual([])
      b.restart()
      world.runFor(130_000)
      expect(second.client.closes).toEqual(['reset'])
    })
  })

  it('exactly once, for every seed and way', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      await withRig(
        ({ world, a, b, accepted, dial, as }) => {
          const rng = world.rng('ways')
          const sides = Array.from({ length: 6 }, () => dial())
          world.runFor(rng.below(3))
          for (const side of sides) {
            as(a, () => {
              side.conn.write([Buffer.alloc(rng.below(300_000))])
              if (rng.below(2) === 0) side.conn.end()
              else side.conn.destroy()
            })
            world.runFor(rng.below(2))
          }
          as(b, () => {
            for (const { conn } of accepted) conn.destroy()
          })
          world.runFor(1000)
          for (const { closes } of [...sides, ...accepted]) expect(closes).toHaveLength(1)
        },
        { seed },
      )
    }
  })
})

describe('a link', () => {
  it('that is cut holds bytes in this direction only, and gives them back in order after it heals', async () => {
    await withRig(({ world, a, b, connected, as }) => {
      const { client, server } = connected()
      world.network.cut('a', 'b')
      for (let i = 0; i < 3; i += 1) {
        as(a, () => void client.conn.write([pattern(100, i)]))
        as(b, () => void server.conn.write([pattern(1, i)]))
        world.runFor(500)
      }
      expect(server.received).toEqual([])
      expect(Buffer.concat(client.received)).toHaveLength(3)
      world.network.heal('a', 'b')
      // Lost at 0, tried in vain at 0.2, 0.6 and 1.4 s: the next try is at 3 s.
      world.runFor(1000)
      expect(server.received).toEqual([])
      world.runFor(1000)
      expect(Buffer.concat(server.received)).toEqual(
        Buffer.concat([pattern(100, 0), pattern(100, 1), pattern(100, 2)]),
      )
    })
  })

  it('that is cut lets no dial through, until a later try of it', async () => {
    await withRig(({ world, dial, accepted }) => {
      world.network.cut('b', 'a')
      const dialled = dial()
      world.runFor(2000)
      expect([dialled.opens, dialled.closes, accepted.length]).toEqual([0, [], 0])
      world.network.heal('b', 'a')
      world.runFor(1500)
      expect([dialled.opens, accepted.length]).toEqual([1, 1])
    })
  })

  it('needs as many heals as cuts', async () => {
    await withRig(({ world, dial }) => {
      world.network.cut('a', 'b')
      world.network.cut('a', 'b')
      world.network.heal('a', 'b')
      const dialled = dial()
      world.runFor(500)
      expect(dialled.opens).toBe(0)
      world.network.healAll()
      world.runFor(2000)
      expect(dialled.opens).toBe(1)
    })
  })

  it('that is clogged gives everything back the moment it is free', async () => {
    await withRig(({ world, a, connected, as }) => {
      const { client, server } = connected()
      as(a, () => void client.conn.write([pattern(10)]))
      world.network.clog('a', 'b', 500)
      world.runFor(499)
      expect(server.received).toEqual([])
      world.runFor(5)
      expect(Buffer.concat(server.received)).toHaveLength(10)
    })
  })

  it('with a rate takes its time', async () => {
    await withRig(
      ({ world, a, connected, as }) => {
        const { client, server } = connected()
        as(a, () => void client.conn.write([pattern(200_000)]))
        world.runFor(150)
        expect(server.received).toEqual([])
        world.runFor(100)
        expect(Buffer.concat(server.received)).toHaveLength(200_000)
      },
      { network: { bytesPerMs: 1000 } },
    )
  })

  it('has its own stream: traffic elsewhere does not change its delays', async () => {
    const arrivals: number[][] = []
    for (const noise of [false, true]) {
      await withRig(
        ({ world, a, b, connected, as }) => {
          if (noise) {
            const other = world.addNode('c')
            other.start((env) => {
              const conn = env.net.dial({ host: 'a', port: 7 }, { onData() {}, onClose() {} })
              conn.write([pattern(10)])
            })
          }
          const { client, server } = connected()
          const times: number[] = []
          for (let i = 0; i < 5; i += 1) {
            const before = server.received.length
            const startMs = world.nowMs
            as(a, () => void client.conn.write([pattern(1)]))
            world.runUntil(() => server.received.length > before, 100)
            times.push(world.nowMs - startMs)
          }
          arrivals.push(times)
          expect(b.isAlive).toBe(true)
        },
        { network: { splitOneIn: 0 } },
      )
    }
    expect(arrivals[0]).toEqual(arrivals[1])
    expect(new Set(arrivals[0]).size).toBe(5)
  })
})

describe('a paused process', () => {
  it('still has a kernel: dials succeed, bytes are taken, callbacks come after it wakes', async () => {
    await withRig(({ world, a, b, accepted, dial, as }) => {
      b.pause()
      const dialled = dial()
      world.runFor(10)
      as(a, () => void dialled.conn.write([pattern(10)]))
      world.runFor(1000)
      expect([dialled.opens, dialled.conn.pendingBytes, accepted.length]).toEqual([1, 0, 0])
      b.resume()
      world.runFor(10)
      expect(Buffer.concat(accepted[0]!.received)).toHaveLength(10)
    })
  })
})

describe('a port', () => {
  function listen(env: Env, port: number, log: string[], reusePort = false, host = 'a'): Closer {
    return env.net.listen(
      { host, port, reusePort },
      {
        onReady: (bound) => void log.push(`${bound.host}:${bound.port}`),
        onError: (error: NetError) => void log.push(error.code),
        onConnection: () => ({ onData() {}, onClose() {} }),
      },
    )
  }

  it('is taken once, unless all its listeners share it', async () => {
    await withRig(({ world, a, as }) => {
      const log: string[] = []
      as(a, (env) => {
        listen(env, 1, log)
        listen(env, 1, log)
        listen(env, 2, log, true)
        listen(env, 2, log, true)
        listen(env, 3, log, false, 'b')
        expect(log).toEqual([])
      })
      world.runFor(1)
      expect(log).toEqual(['a:1', 'EADDRINUSE', 'a:2', 'a:2', 'EADDRNOTAVAIL'])
    })
  })

  it('is chosen when it is 0, and free again after a close and after a death', async () => {
    await withRig(({ world, a, as }) => {
      const log: string[] = []
      as(a, (env) => {
        listen(env, 0, log)
        const closer = listen(env, 5, log)
        closer.close(() => void log.push('closed'))
        listen(env, 5, log)
      })
      world.runFor(1)
      expect(log[0]).toMatch(/^a:\d{5}$/)
      expect(log.slice(1)).toEqual(['closed', 'a:5'])
      a.kill()
      a.restart()
      as(a, (env) => void listen(env, 5, log))
      world.runFor(1)
      expect(log.at(-1)).toBe('a:5')
    })
  })
})
