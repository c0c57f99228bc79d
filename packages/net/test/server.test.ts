import { describe, expect, it } from 'vitest'
import {
  decodeKafkaResponse,
  LateAnswer,
  NO_RESPONSE,
  type DecodedRequest,
  type RequestInputOf,
} from '@millrace/protocol'
import { Server, type Answer, type Dispatch, type RequestContext, type ServerOptions } from '@millrace/net'
import { LoopbackNet } from './virtual/loopback-net.ts'
import { ENDPOINT, RawPeer, requestBytes } from './virtual/raw-peer.ts'
import { VirtualWorld } from './virtual/world.ts'

const PONG: Answer = { errorCode: 0, apiKeys: [] }
const answerAll: Dispatch = () => PONG

interface Rig {
  readonly world: VirtualWorld
  readonly loopback: LoopbackNet
  readonly server: Server
  peer(options?: { native?: boolean; from?: string }): Promise<RawPeer>
  warnings(): string[]
}

async function rig(dispatch: Dispatch, options: Partial<ServerOptions> = {}): Promise<Rig> {
  const world = new VirtualWorld()
  const loopback = new LoopbackNet(world)
  const env = { net: loopback.net, clock: world.clock, timers: world.timers, log: world.log }
  const server = new Server({ env, dispatch, ...options })
  const listening = server.listen({ ...ENDPOINT, name: 'main' })
  await world.settle()
  expect(await listening).toEqual(ENDPOINT)
  return {
    world,
    loopback,
    server,
    peer: async (peerOptions) => {
      const peer = new RawPeer(loopback, peerOptions)
      await world.settle()
      return peer
    },
    warnings: () =>
      world.lines
        .filter(({ level }) => level === 'warn')
        .map(({ fields }) => (fields as { reason: string }).reason),
  }
}

/** A dispatch whose answers the test gives, by correlation id. */
function parking(): {
  dispatch: Dispatch
  parked: Map<number, { resolve: (answer: Answer) => void; context: RequestContext }>
  arrived: number[]
} {
  const parked = new Map<number, { resolve: (answer: Answer) => void; context: RequestContext }>()
  const arrived: number[] = []
  const dispatch: Dispatch = (request, context) => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    parked.set(request.correlationId, { resolve, context })
    arrived.push(request.correlationId)
    return promise
  }
  return { dispatch, parked, arrived }
}

const produce = (records: Buffer): RequestInputOf<'Produce'> => ({
  transactionalId: null,
  acks: 1,
  timeoutMs: 1000,
  topicData: [{ name: 'flights', partitionData: [{ index: 0, records }] }],
})

describe('requests and answers', () => {
  it('are served wherever the stream is cut', async () => {
    const bytes = Buffer.concat([
      requestBytes('ApiVersions', 0, 1, {}),
      requestBytes('ApiVersions', 0, 2, {}),
    ])
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const { world, peer } = await rig(answerAll)
      const client = await peer()
      client.send(bytes.subarray(0, cut))
      await world.settle()
      client.send(bytes.subarray(cut))
      await world.settle()
      expect(client.answers).toEqual([1, 2])
    }
  })

  it.each([false, true])('are served when each byte comes alone (native: %s)', async (native) => {
    const { world, peer, loopback } = await rig(answerAll)
    loopback.chunkBytes = 1
    const client = await peer({ native })
    client.ping(1)
    client.ping(2)
    await world.settle()
    expect(client.answers).toEqual([1, 2])
  })

  it('tell the handler where they come from', async () => {
    const seen: unknown[] = []
    const { world, peer } = await rig((request, context) => {
      const { id, listener, local, remote, wire } = context.connection
      const { apiVersion, clientId, receivedAtMs } = context
      seen.push({
        api: request.api,
        id,
        listener,
        local,
        remote: remote.host,
        wire,
        apiVersion,
        clientId,
        receivedAtMs,
      })
      return PONG
    })
    const kafka = await peer({ from: '10.0.0.7' })
    kafka.request('ApiVersions', 2, 1, {})
    await world.advance(5)
    const native = await peer({ native: true })
    native.ping(1)
    await world.settle()
    const common = { api: 'ApiVersions', listener: 'main', local: ENDPOINT, clientId: 'raw' }
    expect(seen).toEqual([
      { ...common, id: 1, remote: '10.0.0.7', wire: 'kafka', apiVersion: 2, receivedAtMs: 1000 },
      { ...common, id: 2, remote: '127.0.0.1', wire: 'native', apiVersion: 0, receivedAtMs: 1005 },
    ])
  })

  it("keep their order on Kafka's wire while the first one is parked", async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer()
    for (const id of [1, 2, 3]) client.ping(id)
    await world.settle()
    parked.get(3)!.resolve(PONG)
    parked.get(2)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toEqual([])
    parked.get(1)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toEqual([1, 2, 3])
  })

  it('overtake each other on the native wire', async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer({ native: true })
    for (const id of [1, 2, 3]) client.ping(id)
    await world.settle()
    parked.get(3)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toEqual([3])
    parked.get(1)!.resolve(PONG)
    parked.get(2)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toEqual([3, 1, 2])
  })

  it('of one read leave in one write', async () => {
    const { world, peer } = await rig(answerAll)
    const client = await peer()
    client.send(...Array.from({ length: 50 }, (_, i) => requestBytes('ApiVersions', 0, i, {})))
    await world.settle()
    expect(client.answers).toHaveLength(50)
    expect(client.conn.peer!.writes).toBe(1)
  })

  it('that become ready in one turn leave in one write', async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer({ native: true })
    for (let id = 0; id < 20; id += 1) client.ping(id)
    await world.settle()
    for (const { resolve } of parked.values()) resolve(PONG)
    await world.settle()
    expect(client.answers).toHaveLength(20)
    expect(client.conn.peer!.writes).toBe(1)
  })

  it('given late, before memory is reused, leave with the others of the same read', async () => {
    const late: LateAnswer<Answer>[] = []
    const { world, peer } = await rig(
      (request) => {
        if (request.correlationId % 2 === 0) return PONG
        const answer = new LateAnswer<Answer>()
        late.push(answer)
        return answer
      },
      { beforeReuse: () => late.splice(0).forEach((answer) => answer.give(PONG)) },
    )
    const client = await peer()
    client.send(...Array.from({ length: 10 }, (_, i) => requestBytes('ApiVersions', 0, i, {})))
    await world.settle()
    expect(client.answers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(client.conn.peer!.writes).toBe(1)
  })

  it('without a response send nothing and do not hold up the next', async () => {
    const { world, peer } = await rig((request) => (request.correlationId === 1 ? NO_RESPONSE : PONG))
    const client = await peer()
    client.ping(1)
    client.ping(2)
    await world.settle()
    expect(client.answers).toEqual([2])
  })

  it('keep their bytes until beforeReuse has run, however they arrived', async () => {
    const payload = (size: number): Buffer => Buffer.alloc(size, size % 251)
    const sizes = [10, 40_000, 70_000, 300_000, 100, 1_000_000]
    const held: Buffer[] = []
    const written: Buffer[] = []
    const dispatch: Dispatch = (request) => {
      if (request.api !== 'Produce') throw new Error(request.api)
      held.push(request.body.topicData[0]!.partitionData[0]!.records!)
      return { responses: [], throttleTimeMs: 0 }
    }
    const beforeReuse = (): void =>
      held.splice(0).forEach((records) => void written.push(Buffer.from(records)))
    const { world, peer } = await rig(dispatch, { beforeReuse })
    const client = await peer()
    sizes.forEach((size, i) => client.request('Produce', 7, i, produce(payload(size))))
    await world.settle()
    expect(written.map((records) => records.length)).toEqual(sizes)
    written.forEach((records, i) => expect(records.equals(payload(sizes[i]!))).toBe(true))
    expect(client.frames).toHaveLength(sizes.length)
  })
})

describe('what the peer must not send', () => {
  it.each([
    ['an unknown API key', Buffer.from('0000000a03e7000000000001ffff', 'hex'), /unknown API key 999/],
    ['an empty frame', Buffer.from('00000000', 'hex'), /can't be decoded/],
    ['a frame of one byte', Buffer.from('0000000100', 'hex'), /can't be decoded/],
    ['a negative length', Buffer.from('ffffffff', 'hex'), /-1 bytes/],
    ['a length of 2 GiB', Buffer.from('7fffffff', 'hex'), /2147483647 bytes/],
    ['a TLS greeting', Buffer.from('16030100f8010000f40303', 'hex'), /TLS/],
    [
      'a version that is not served',
      Buffer.from('0000000a0000000000000001ffff', 'hex'),
      /key 0 .* version 0/,
    ],
  ])('%s closes the connection with a reason, and others notice nothing', async (_what, bytes, reason) => {
    const { world, peer, warnings, server } = await rig(answerAll)
    const healthy = await peer()
    const client = await peer()
    client.send(bytes)
    await world.settle()
    expect(client.closed).not.toBeNull()
    expect(warnings()).toEqual([expect.stringMatching(reason)])
    healthy.ping(1)
    await world.settle()
    expect(healthy.answers).toEqual([1])
    expect(server.connectionCount).toBe(1)
  })

  it('ApiVersions in an unknown version is answered with the versions that are served', async () => {
    const { world, peer } = await rig(answerAll)
    const client = await peer()
    client.send(Buffer.from('0000000a0012006300000007ffff', 'hex'))
    client.ping(8)
    await world.settle()
    const response = decodeKafkaResponse('ApiVersions', 4, client.frames[0]!)
    expect(response).toMatchObject({
      kind: 'response',
      correlationId: 7,
      body: { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0 }] },
    })
    expect(client.frames).toHaveLength(2)
    expect(client.closed).toBeNull()
  })

  it('the refusal of ApiVersions keeps its place behind a parked request', async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer()
    client.ping(1)
    client.send(Buffer.from('0000000a0012006300000007ffff', 'hex'))
    await world.settle()
    expect(client.frames).toHaveLength(0)
    parked.get(1)!.resolve(PONG)
    await world.settle()
    expect(client.frames.map((frame) => frame.readInt32BE(0))).toEqual([1, 7])
  })

  it('frames of full length only after authentication', async () => {
    const sizes: number[] = []
    const dispatch: Dispatch = (request, context) => {
      if (request.api === 'Produce') {
        sizes.push(request.body.topicData[0]!.partitionData[0]!.records!.length)
        return { responses: [] }
      }
      context.connection.authenticated = true
      return PONG
    }
    const { world, peer } = await rig(dispatch, { authentication: 'required' })
    const eager = await peer()
    eager.request('Produce', 7, 1, produce(Buffer.alloc(65_536)))
    const proper = await peer()
    proper.ping(1)
    await world.settle()
    proper.request('Produce', 7, 2, produce(Buffer.alloc(65_536)))
    await world.settle()
    expect(eager.closed).not.toBeNull()
    expect(proper.closed).toBeNull()
    expect(sizes).toEqual([65_536])
  })
})

describe('handlers', () => {
  const failing: [string, Dispatch][] = [
    [
      'throws',
      () => {
        throw new Error('bug')
      },
    ],
    ['rejects', () => Promise.reject(new Error('bug'))],
    ['answers what cannot be encoded', () => ({ errorCode: 1e9, apiKeys: [] })],
  ]

  it.each(failing)('one that %s is logged and costs its own connection only', async (_what, dispatch) => {
    const { world, peer } = await rig((request, context) =>
      request.correlationId === 13 ? dispatch(request, context) : PONG,
    )
    const healthy = await peer()
    const client = await peer()
    client.ping(13)
    healthy.ping(1)
    await world.settle()
    expect(client.closed).not.toBeNull()
    expect(client.answers).toEqual([])
    expect(healthy.answers).toEqual([1])
    expect(world.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'a handler failed' },
    ])
  })

  it('can close the connection instead of answering', async () => {
    const { world, peer, warnings } = await rig((_request, context) => {
      context.connection.close('a request with acks 0 failed')
      return NO_RESPONSE
    })
    const client = await peer()
    client.ping(1)
    client.ping(2)
    await world.settle()
    expect(client.closed).not.toBeNull()
    expect(warnings()).toEqual(['a request with acks 0 failed'])
  })

  it('hear once, when their answer has left', async () => {
    const events: string[] = []
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer()
    client.ping(1)
    client.ping(2)
    await world.settle()
    for (const [id, { context }] of parked) {
      context.afterWritten(() => events.push(`written ${id}`))
      context.onClosed(() => events.push(`closed ${id}`))
    }
    parked.get(2)!.resolve(PONG)
    await world.settle()
    expect(events).toEqual([])
    parked.get(1)!.resolve(PONG)
    await world.settle()
    expect(events).toEqual(['written 1', 'written 2'])
    client.conn.destroy()
    await world.settle()
    expect(events).toHaveLength(2)
  })

  it('hear that nobody waits any more when the connection closes in mid-request', async () => {
    const events: string[] = []
    const { dispatch, parked } = parking()
    const { world, peer, server } = await rig(dispatch)
    const client = await peer()
    for (const id of [1, 2]) client.ping(id)
    await world.settle()
    for (const [id, { context }] of parked) {
      context.onClosed(() => events.push(`closed ${id}`))
      context.afterWritten(() => events.push(`written ${id}`))
    }
    parked.get(2)!.resolve(PONG)
    await world.settle()
    client.conn.destroy()
    await world.settle()
    // The second one was answered already; its memory is free now, although the answer never left.
    expect(events).toEqual(['closed 1', 'written 2'])
    parked.get(1)!.context.onClosed(() => events.push('closed 1, told late'))
    parked.get(1)!.resolve(PONG)
    await world.settle()
    expect(events).toEqual(['closed 1', 'written 2', 'closed 1, told late', 'written 1'])
    expect(server.connectionCount).toBe(0)
  })

  it('hear that their answer was dropped when the connection closes before it could be written', async () => {
    const events: string[] = []
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch)
    const client = await peer({ native: true })
    client.ping(1)
    await world.settle()
    const { resolve, context } = parked.get(1)!
    context.afterWritten(() => events.push('written'))
    context.onClosed(() => events.push('closed'))
    resolve(PONG)
    await new Promise((done) => setImmediate(done))
    expect(events).toEqual([])
    client.conn.peer!.finish('reset')
    expect(events).toEqual(['written'])
    await world.settle()
    expect(events).toEqual(['written'])
  })

  it('are told to clean up when they fail', async () => {
    const events: string[] = []
    const { world, peer } = await rig((_request, context) => {
      context.onClosed(() => events.push('closed'))
      context.afterWritten(() => events.push('written'))
      throw new Error('bug')
    })
    const client = await peer()
    client.ping(1)
    await world.settle()
    expect(events.toSorted()).toEqual(['closed', 'written'])
  })
})

describe('backpressure', () => {
  it('stops reading at the limit of requests in flight, and goes on from there', async () => {
    const { dispatch, parked, arrived } = parking()
    const { world, peer } = await rig(dispatch, { limits: { inFlightRequestsMax: 3 } })
    const client = await peer()
    client.send(...Array.from({ length: 10 }, (_, i) => requestBytes('ApiVersions', 0, i, {})))
    await world.settle()
    expect(arrived).toEqual([0, 1, 2])
    expect(client.conn.peer!.paused).toBe(true)
    parked.get(0)!.resolve(PONG)
    await world.settle()
    expect(arrived).toEqual([0, 1, 2, 3])
    for (let id = 1; id < 10; id += 1) {
      parked.get(id)!.resolve(PONG)
      await world.settle()
    }
    expect(client.answers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(client.conn.peer!.paused).toBe(false)
  })

  it('stops reading from a peer that does not read its answers, and goes on once it does', async () => {
    let served = 0
    const outputBytesMax = 400_000
    const { world, peer, loopback } = await rig(
      () => {
        served += 1
        return {
          errorCode: 0,
          apiKeys: Array.from({ length: 5000 }, () => ({ apiKey: 1, minVersion: 2, maxVersion: 3 })),
        }
      },
      { limits: { outputBytesMax } },
    )
    const client = await peer()
    client.conn.pause()
    client.send(...Array.from({ length: 200 }, (_, i) => requestBytes('ApiVersions', 0, i, {})))
    await world.settle()
    expect(client.conn.peer!.paused).toBe(true)
    expect(client.conn.peer!.pendingBytes).toBeGreaterThan(outputBytesMax - loopback.windowBytes)
    expect(client.conn.peer!.pendingBytes).toBeLessThan(outputBytesMax + 100_000)
    const servedWhileBlocked = served
    client.conn.resume()
    await world.settle()
    expect(servedWhileBlocked).toBeLessThan(20)
    expect(client.answers).toHaveLength(200)
    expect(client.conn.peer!.paused).toBe(false)
  })

  it('counts answers that wait for an earlier one as output', async () => {
    const { dispatch, parked } = parking()
    const big: Answer = {
      errorCode: 0,
      apiKeys: Array.from({ length: 5000 }, () => ({ apiKey: 1, minVersion: 2, maxVersion: 3 })),
    }
    const { world, peer } = await rig(
      (request, context) => (request.correlationId === 0 ? dispatch(request, context) : big),
      { limits: { outputBytesMax: 100_000 } },
    )
    const client = await peer()
    client.send(...Array.from({ length: 50 }, (_, i) => requestBytes('ApiVersions', 0, i, {})))
    await world.settle()
    expect(client.conn.peer!.paused).toBe(true)
    parked.get(0)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toHaveLength(50)
  })

  it('shares memory: large requests wait for each other, small ones pass, all arrive', async () => {
    const sizes: number[] = []
    const dispatch: Dispatch = (request: DecodedRequest) => {
      if (request.api !== 'Produce') return PONG
      sizes.push(request.body.topicData[0]!.partitionData[0]!.records!.length)
      return { responses: [] }
    }
    const limits = { requestMemoryBytesMax: 300_000 }
    const { world, peer, loopback } = await rig(dispatch, { limits })
    loopback.chunkBytes = 50_000
    const clients = await Promise.all(Array.from({ length: 5 }, () => peer()))
    const half = requestBytes('Produce', 7, 1, produce(Buffer.alloc(1_000_000)))
    for (const client of clients) client.send(half.subarray(0, 500_000))
    await world.settle()
    const paused = clients.filter((client) => client.conn.peer!.paused)
    expect(paused.length).toBeGreaterThan(0)
    expect(paused.length).toBeLessThan(clients.length)
    const small = await peer()
    small.ping(1)
    await world.settle()
    expect(small.answers).toEqual([1])
    for (const client of clients) client.send(half.subarray(500_000))
    await world.settle()
    expect(sizes).toEqual([1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000])
    expect(clients.filter((client) => client.conn.peer!.paused)).toEqual([])
  })

  it('lets others go on when the one that waits for memory hangs up', async () => {
    const sizes: number[] = []
    const dispatch: Dispatch = (request) => {
      if (request.api === 'Produce') sizes.push(1)
      return { responses: [] }
    }
    const { world, peer, loopback } = await rig(dispatch, { limits: { requestMemoryBytesMax: 100_000 } })
    loopback.chunkBytes = 50_000
    const request = requestBytes('Produce', 7, 1, produce(Buffer.alloc(1_000_000)))
    const clients = [await peer(), await peer(), await peer(), await peer()]
    for (const client of clients) client.send(request.subarray(0, 900_000))
    await world.settle()
    const [running, ...waiting] = clients.toSorted(
      (a, b) => Number(a.conn.peer!.paused) - Number(b.conn.peer!.paused),
    )
    expect(waiting.every((client) => client.conn.peer!.paused)).toBe(true)
    waiting[0]!.conn.destroy()
    await world.settle()
    running!.conn.destroy()
    await world.settle()
    for (const client of waiting.slice(1)) client.send(request.subarray(900_000))
    await world.settle()
    expect(sizes).toHaveLength(2)
  })
})

describe('deadlines', () => {
  it('closes a connection that sends no whole request in time', async () => {
    const { world, peer, warnings } = await rig(answerAll)
    const silent = await peer()
    const slow = await peer()
    slow.send(Buffer.from('0000', 'hex'))
    await world.advance(9_000)
    expect([silent.closed, slow.closed]).toEqual([null, null])
    await world.advance(3_000)
    expect(silent.closed).not.toBeNull()
    expect(slow.closed).not.toBeNull()
    expect(warnings()).toEqual([expect.stringContaining('10000 ms'), expect.stringContaining('10000 ms')])
  })

  it('closes a connection whose request trickles in', async () => {
    const { world, peer, warnings } = await rig(answerAll)
    const client = await peer()
    client.ping(1)
    await world.settle()
    const bytes = requestBytes('Produce', 7, 2, produce(Buffer.alloc(100)))
    for (let i = 0; i < 40 && client.closed === null; i += 1) {
      client.send(bytes.subarray(i, i + 1))
      await world.advance(1_000)
    }
    expect(client.closed).not.toBeNull()
    expect(warnings()).toEqual([expect.stringContaining('30000 ms')])
  })

  it('does not hold the peer to a deadline while this side does not read', async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig(dispatch, { limits: { inFlightRequestsMax: 1 } })
    const client = await peer()
    const second = requestBytes('ApiVersions', 0, 2, {})
    client.send(requestBytes('ApiVersions', 0, 1, {}), second.subarray(0, 5))
    await world.advance(60_000)
    expect(client.closed).toBeNull()
    parked.get(1)!.resolve(PONG)
    await world.advance(20_000)
    client.send(second.subarray(5))
    await world.settle()
    parked.get(2)!.resolve(PONG)
    await world.settle()
    expect(client.answers).toEqual([1, 2])
  })

  it('closes an idle connection, but not one that waits for an answer', async () => {
    const { dispatch, parked } = parking()
    const { world, peer } = await rig((request, context) =>
      request.correlationId === 2 ? dispatch(request, context) : PONG,
    )
    const idle = await peer()
    idle.ping(1)
    const waiting = await peer()
    waiting.ping(2)
    await world.advance(599_000)
    expect(idle.closed).toBeNull()
    await world.advance(3_000)
    expect(idle.closed).not.toBeNull()
    expect(waiting.closed).toBeNull()
    parked.get(2)!.resolve(PONG)
    await world.settle()
    expect(waiting.answers).toEqual([2])
  })

  it('closes a connection that never reads its answers', async () => {
    const { world, peer } = await rig(() => ({
      errorCode: 0,
      apiKeys: Array.from({ length: 50_000 }, () => ({ apiKey: 1, minVersion: 2, maxVersion: 3 })),
    }))
    const client = await peer()
    client.conn.pause()
    client.ping(1)
    await world.advance(590_000)
    expect(client.closed).toBeNull()
    await world.advance(20_000)
    expect(client.closed).not.toBeNull()
  })

  it('closes it also when a later request of it is parked', async () => {
    const { dispatch } = parking()
    const big: Answer = {
      errorCode: 0,
      apiKeys: Array.from({ length: 50_000 }, () => ({ apiKey: 1, minVersion: 2, maxVersion: 3 })),
    }
    const { world, peer } = await rig((request, context) =>
      request.correlationId === 1 ? big : dispatch(request, context),
    )
    const client = await peer()
    client.conn.pause()
    client.ping(1)
    client.ping(2)
    await world.advance(610_000)
    expect(client.closed).not.toBeNull()
  })

  it('needs no timer once the last connection is gone', async () => {
    const { world, peer } = await rig(answerAll)
    const clients = await Promise.all(Array.from({ length: 10 }, () => peer()))
    expect(world.pendingTimers).toBe(1)
    for (const client of clients) client.conn.destroy()
    await world.settle()
    expect(world.pendingTimers).toBe(0)
  })
})

describe('listening', () => {
  it('rejects when the port is in use', async () => {
    const { world, server } = await rig(answerAll)
    const second = server.listen({ ...ENDPOINT, name: 'again' })
    const outcome = expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await world.settle()
    await outcome
  })

  it('refuses connections above the limits, in total and per address', async () => {
    const { world, peer, server } = await rig(answerAll, {
      limits: { connectionsMax: 4, connectionsPerIpMax: 2 },
    })
    const first = [await peer(), await peer(), await peer()]
    expect(first.map(({ closed }) => closed === null)).toEqual([true, true, false])
    const others = [
      await peer({ from: '10.0.0.2' }),
      await peer({ from: '10.0.0.3' }),
      await peer({ from: '10.0.0.4' }),
    ]
    expect(others.map(({ closed }) => closed === null)).toEqual([true, true, false])
    expect(server.connectionCount).toBe(4)
    first[0]!.conn.destroy()
    await world.settle()
    expect((await peer()).closed).toBeNull()
    await world.advance(1000)
    expect(world.lines.filter(({ message }) => message === 'refused connections')).toMatchObject([
      { fields: { refused: 2 } },
    ])
  })

  it('closes at once when nothing is in flight', async () => {
    const { world, peer, server } = await rig(answerAll)
    const client = await peer()
    client.ping(1)
    await world.settle()
    const closed = server.close(5000)
    await world.settle()
    await closed
    expect(client.closed).not.toBeNull()
    const late = await peer()
    expect(late.closed).toBe('refused')
    expect(world.pendingTimers).toBe(0)
  })

  it('answers what is in flight before it closes, and takes nothing new', async () => {
    const { dispatch, parked, arrived } = parking()
    const { world, peer, server } = await rig(dispatch)
    const client = await peer()
    client.ping(1)
    await world.settle()
    let closed = false
    const closing = server.close(5000).then(() => (closed = true))
    client.ping(2)
    await world.settle()
    expect(closed).toBe(false)
    expect(arrived).toEqual([1])
    parked.get(1)!.resolve(PONG)
    await world.settle()
    await closing
    expect(client.answers).toEqual([1])
  })

  it('closes busy connections at the deadline', async () => {
    const { dispatch, parked } = parking()
    const { world, peer, server } = await rig(dispatch)
    const client = await peer()
    client.ping(1)
    await world.settle()
    let dropped = false
    parked.get(1)!.context.onClosed(() => (dropped = true))
    const closing = server.close(5000)
    await world.advance(4999)
    expect(client.closed).toBeNull()
    await world.advance(1)
    await closing
    expect(client.closed).not.toBeNull()
    expect(dropped).toBe(true)
  })
})
