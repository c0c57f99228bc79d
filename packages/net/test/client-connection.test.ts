import { describe, expect, it } from 'vitest'
import { BufferPool, offset, type CloseReason, type Conn } from '@millrace/base'
import {
  decodeKafkaRequest,
  encodeKafkaResponse,
  encodeUnsupportedApiVersions,
  advertisedVersions,
  NO_RESPONSE,
  type DecodedRequest,
  type ResponseInputOf,
} from '@millrace/protocol'
import {
  connect,
  ConnectionError,
  RequestTimeoutError,
  Server,
  UnsupportedApiError,
  type Answer,
  type ClientConnection,
  type ConnectOptions,
  type Dispatch,
} from '@millrace/net'
import { LoopbackNet } from './virtual/loopback-net.ts'
import { ENDPOINT } from './virtual/raw-peer.ts'
import { VirtualWorld } from './virtual/world.ts'

interface Rig {
  readonly world: VirtualWorld
  readonly loopback: LoopbackNet
  /** Settles the world until the promise is decided. */
  run<T>(promise: Promise<T>): Promise<T>
  connect(options?: Partial<ConnectOptions>): Promise<ClientConnection>
}

function emptyRig(): Rig {
  const world = new VirtualWorld()
  const loopback = new LoopbackNet(world)
  const env = { net: loopback.net, clock: world.clock, timers: world.timers }
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {})
    await world.settle()
    return promise
  }
  return {
    world,
    loopback,
    run,
    connect: (options) =>
      run(
        connect({
          env,
          endpoint: ENDPOINT,
          clientId: 'test',
          wire: 'auto',
          connectTimeoutMs: 3000,
          ...options,
        }),
      ),
  }
}

/** A server of ours; `nativeWire` is what it offers. */
async function rig(dispatch: Dispatch, nativeWire = 1): Promise<Rig & { server: Server; wires: string[] }> {
  const wires: string[] = []
  const result = emptyRig()
  const { world, loopback } = result
  const env = { net: loopback.net, clock: world.clock, timers: world.timers, log: world.log }
  const server = new Server({
    env,
    dispatch(request, context) {
      if (request.api !== 'ApiVersions') return dispatch(request, context)
      wires.push(context.connection.wire)
      const { clientSoftwareName } = request.body
      return {
        apiKeys: advertisedVersions('broker'),
        nativeWire: clientSoftwareName === 'millrace' ? nativeWire : 0,
      }
    },
  })
  await result.run(server.listen({ ...ENDPOINT, name: 'main' }))
  return { ...result, server, wires }
}

/** A broker that nobody here wrote: answers frames by hand, on Kafka's wire only. */
function foreignBroker(
  { loopback }: Rig,
  answer: (request: ReturnType<typeof decodeKafkaRequest>, conn: Conn) => readonly Uint8Array[] | null,
): { closed: CloseReason[] } {
  const seen = { closed: [] as CloseReason[] }
  loopback.net.listen(ENDPOINT, {
    onReady() {},
    onError() {},
    onConnection(conn) {
      let received: Buffer = Buffer.alloc(0)
      return {
        onData(chunk) {
          received = Buffer.concat([received, chunk])
          if (received.readInt32BE(0) < 0) return conn.destroy()
          while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
            const end = 4 + received.readInt32BE(0)
            const chunks = answer(decodeKafkaRequest(received.subarray(4, end)), conn)
            received = received.subarray(end)
            if (chunks !== null) conn.write(chunks)
          }
        },
        onClose: (reason) => void seen.closed.push(reason),
      }
    },
  })
  return seen
}

const noTopics: ResponseInputOf<'Metadata'> = { brokers: [], clusterId: null, topics: [] }
const timeout = { timeoutMs: 1000 }
const allTopics = { topics: null }

const answerMetadata: Dispatch = () => noTopics

const produce = (acks: number) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1000,
  topicData: [{ name: 'flights', partitionData: [{ index: 0, records: Buffer.alloc(100_000, 7) }] }],
})

function fetchAnswer(records: Buffer): ResponseInputOf<'Fetch'> {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: offset(0), records }
  return { responses: [{ topic: 'flights', partitions: [partition] }] }
}

const fetchRequest = { maxWaitMs: 0, minBytes: 0, topics: [] }

describe('finding out the wire', () => {
  it('changes to the native one where the server offers it', async () => {
    const { connect: open, wires, server } = await rig(answerMetadata)
    const connection = await open()
    expect(connection.wire).toBe('native')
    expect(wires).toEqual(['kafka', 'native'])
    expect(server.connectionCount).toBe(1)
  })

  it("stays on Kafka's where the server does not, or offers a version that this client does not know", async () => {
    for (const offered of [0, 2]) {
      const { connect: open, wires } = await rig(answerMetadata, offered)
      expect((await open()).wire).toBe('kafka')
      expect(wires).toEqual(['kafka'])
    }
  })

  it('takes the one that it is told to, without asking', async () => {
    const { connect: open, wires } = await rig(answerMetadata)
    expect((await open({ wire: 'native' })).wire).toBe('native')
    expect((await open({ wire: 'kafka' })).wire).toBe('kafka')
    expect(wires).toEqual(['native', 'kafka'])
  })

  it('says so when a server does not speak the native wire', async () => {
    const broker = emptyRig()
    foreignBroker(broker, () => null)
    await expect(broker.connect({ wire: 'native' })).rejects.toThrow(/does it speak Millrace's native wire/)
  })

  it.each([
    ['says which versions it has', encodeUnsupportedApiVersions(1), 4],
    ['only says no', encodeKafkaResponse('ApiVersions', 0, 1, { errorCode: 35, apiKeys: [] }), 0],
  ])('asks again when the server refuses the version and %s', async (_how, refusal, expected) => {
    const broker = emptyRig()
    const asked: number[] = []
    foreignBroker(broker, (request) => {
      if (request.kind !== 'request') throw new Error(request.kind)
      asked.push(request.version)
      if (asked.length === 1) return refusal
      return encodeKafkaResponse('ApiVersions', request.version, request.correlationId, {
        apiKeys: [
          { apiKey: 3, minVersion: 0, maxVersion: 6 },
          { apiKey: 0, minVersion: 200, maxVersion: 300 },
          { apiKey: 9999, minVersion: 0, maxVersion: 1 },
        ],
      })
    })
    const connection = await broker.connect()
    expect(asked).toEqual([4, expected])
    expect(connection.versionOf('Metadata')).toBe(6)
    expect(connection.versionOf('Produce')).toBeNull()
    expect(connection.versionOf('Fetch')).toBeNull()
    await expect(broker.run(connection.request('Produce', produce(1), timeout))).rejects.toThrow(
      UnsupportedApiError,
    )
  })

  it('reports an error that ApiVersions answers', async () => {
    const broker = emptyRig()
    foreignBroker(broker, () => encodeKafkaResponse('ApiVersions', 4, 1, { errorCode: 58, apiKeys: [] }))
    await expect(broker.connect()).rejects.toThrow(/SASL_AUTHENTICATION_FAILED/)
  })

  it('fails with the reason when nothing listens', async () => {
    await expect(emptyRig().connect()).rejects.toMatchObject({ name: 'ConnectionError', reason: 'refused' })
  })

  it('fails as for any other address where the network refuses to dial it at all', async () => {
    const { connect, loopback } = emptyRig()
    const net = {
      ...loopback.net,
      dial: () => {
        throw new RangeError('port 70000 is none')
      },
    }
    const { clock, timers } = new VirtualWorld()
    const failing = connect({ env: { net, clock, timers } })
    await expect(failing).rejects.toMatchObject({ name: 'ConnectionError', reason: 'unreachable' })
  })

  it('fails in time when the server does not answer, and leaves nothing open', async () => {
    const broker = emptyRig()
    const seen = foreignBroker(broker, () => null)
    const connecting = broker.connect()
    const outcome = expect(connecting).rejects.toMatchObject({ reason: 'timeout' })
    await broker.world.advance(2999)
    expect(seen.closed).toEqual([])
    await broker.world.advance(1)
    await outcome
    expect(seen.closed).toEqual(['eof'])
    expect(broker.world.pendingTimers).toBe(0)
  })

  it('fails for the same reason when the request for the versions runs out of time first', async () => {
    const { world, loopback } = emptyRig()
    loopback.net.listen(ENDPOINT, {
      onReady() {},
      onError() {},
      onConnection: () => ({ onData() {}, onClose() {} }),
    })
    // Node runs timers of equal due time in any order: here the one that was armed first runs last.
    let armed = 0
    const timers: typeof world.timers = {
      ...world.timers,
      after: (delayMs, callback) => world.timers.after(armed++ === 0 ? delayMs + 1 : delayMs, callback),
    }
    const env = { net: loopback.net, clock: world.clock, timers }
    const connecting = connect({
      env,
      endpoint: ENDPOINT,
      clientId: 'test',
      wire: 'auto',
      connectTimeoutMs: 3000,
    })
    const failed = expect(connecting).rejects.toMatchObject({ name: 'ConnectionError', reason: 'timeout' })
    await world.advance(3001)
    await failed
  })

  it('stops when the signal says so', async () => {
    const broker = emptyRig()
    const seen = foreignBroker(broker, () => null)
    const controller = new AbortController()
    const connecting = broker.connect({ signal: controller.signal })
    const outcome = expect(connecting).rejects.toThrow('enough')
    await broker.world.settle()
    controller.abort(new Error('enough'))
    await outcome
    await broker.world.settle()
    expect(seen.closed).toEqual(['eof'])
  })
})

describe.each(['kafka', 'native'] as const)('requests on the %s wire', (wire) => {
  it('are answered, any number at a time', async () => {
    const { connect: open, run } = await rig((request) => ({
      brokers: [],
      topics: [],
      clusterId: `answer to ${(request as DecodedRequest & { api: 'Metadata' }).correlationId}`,
    }))
    const connection = await open({ wire })
    const answers = await run(
      Promise.all(Array.from({ length: 5 }, () => connection.request('Metadata', allTopics, timeout))),
    )
    expect(answers.map(({ clusterId }) => clusterId)).toEqual([2, 3, 4, 5, 6].map((id) => `answer to ${id}`))
    expect(connection.inFlightRequests).toBe(0)
  })

  it('time out one by one; a late answer is dropped and harms nobody', async () => {
    const parked: ((answer: Answer) => void)[] = []
    const { connect: open, run, world } = await rig(() => new Promise((resolve) => parked.push(resolve)))
    const connection = await open({ wire })
    const slow = connection.request('Metadata', allTopics, { timeoutMs: 100 })
    const patient = connection.request('Metadata', allTopics, { timeoutMs: 10_000 })
    const outcome = expect(slow).rejects.toThrow(RequestTimeoutError)
    await world.advance(100)
    await outcome
    for (const resolve of parked) resolve(noTopics)
    expect(await run(patient)).toMatchObject({ topics: [] })
    expect(connection.failure).toBeNull()
    expect(connection.inFlightRequests).toBe(0)
    expect(world.pendingTimers).toBe(1)
  })

  it('stop waiting when their signal says so', async () => {
    const { connect: open, run, world } = await rig(() => new Promise(() => {}))
    const connection = await open({ wire })
    const controller = new AbortController()
    const waiting = connection.request('Metadata', allTopics, { timeoutMs: 1000, signal: controller.signal })
    const outcome = expect(waiting).rejects.toThrow('enough')
    await world.settle()
    controller.abort(new Error('enough'))
    await outcome
    const never = connection.request('Metadata', allTopics, { timeoutMs: 1000, signal: controller.signal })
    await expect(run(never)).rejects.toThrow('enough')
    expect(connection.failure).toBeNull()
  })

  it('are all rejected with the reason when the connection is lost', async () => {
    const { connect: open, world } = await rig((request, context) => {
      if (request.correlationId === 3) context.connection.close('test')
      return new Promise(() => {})
    })
    const connection = await open({ wire })
    const told: ConnectionError[] = []
    connection.onceClosed((error) => told.push(error))
    const outcomes = Promise.allSettled([1, 2].map(() => connection.request('Metadata', allTopics, timeout)))
    await world.settle()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'ConnectionError' } })
    expect(connection.failure).toBe(told[0])
    expect(told).toHaveLength(1)
    expect(connection.failure!.message).toContain('127.0.0.1:9092')
    await expect(connection.request('Metadata', allTopics, timeout)).rejects.toBe(connection.failure)
    connection.onceClosed((error) => told.push(error))
    await world.settle()
    expect(told).toHaveLength(2)
  })

  it('are rejected when this side closes', async () => {
    const { connect: open, run } = await rig(() => new Promise(() => {}))
    const connection = await open({ wire })
    const waiting = connection.request('Metadata', allTopics, timeout)
    connection.close()
    await expect(run(waiting)).rejects.toMatchObject({ reason: 'local' })
  })

  it('without an answer resolve once they are written', async () => {
    const arrived: number[] = []
    const { connect: open, run } = await rig((request) => {
      if (request.api === 'Produce') arrived.push(request.body.acks)
      return NO_RESPONSE
    })
    const connection = await open({ wire })
    let reusable = 0
    await run(connection.send('Produce', produce(0), { onWritten: () => (reusable += 1) }))
    expect(arrived).toEqual([0])
    expect(reusable).toBe(1)
    expect(connection.inFlightRequests).toBe(0)
    connection.close()
    await expect(
      run(connection.send('Produce', produce(0), { onWritten: () => (reusable += 1) })),
    ).rejects.toThrow()
    expect(reusable).toBe(2)
  })

  it('say when their memory may be reused, also when they fail', async () => {
    const { connect: open, run, world } = await rig(answerMetadata)
    const connection = await open({ wire })
    let written = 0
    const onWritten = (): void => void (written += 1)
    await run(connection.request('Metadata', allTopics, { ...timeout, onWritten }))
    expect(written).toBe(1)
    connection.close()
    await expect(connection.request('Metadata', allTopics, { ...timeout, onWritten })).rejects.toThrow()
    await world.settle()
    expect(written).toBe(2)
  })

  it('get answers in memory of their own', async () => {
    const sizes = [10, 2000, 50_000, 1_000_000]
    const { connect: open, run } = await rig((request) =>
      fetchAnswer(Buffer.alloc(sizes[request.correlationId - 2]!, request.correlationId)),
    )
    const connection = await open({ wire })
    const answers = await run(
      Promise.all(sizes.map(() => connection.request('Fetch', fetchRequest, timeout))),
    )
    answers.forEach(({ responses }, i) => {
      const records = responses[0]!.partitions[0]!.records!
      expect(records.equals(Buffer.alloc(sizes[i]!, i + 2))).toBe(true)
    })
  })

  it('can get answers in pooled memory, given back on release', async () => {
    const { connect: open, run } = await rig((request) =>
      fetchAnswer(Buffer.alloc(300_000, request.correlationId)),
    )
    const pool = new BufferPool({ maxPooledBytes: 10_000_000 })
    const connection = await open({ wire, pool })
    const first = await run(connection.requestPooled('Fetch', fetchRequest, timeout))
    const second = await run(connection.requestPooled('Fetch', fetchRequest, timeout))
    const bytesOf = (response: typeof first): Buffer => response.body.responses[0]!.partitions[0]!.records!
    expect(bytesOf(first).equals(Buffer.alloc(300_000, 2))).toBe(true)
    expect(bytesOf(second).equals(Buffer.alloc(300_000, 3))).toBe(true)
    const pooledBefore = pool.pooledBytes
    first.release()
    second.release()
    expect(pool.pooledBytes).toBeGreaterThanOrEqual(pooledBefore + 600_000)
  })
})

describe('a server that breaks the protocol', () => {
  const versions = encodeKafkaResponse('ApiVersions', 4, 1, { apiKeys: advertisedVersions('broker') })

  it.each([
    ['answers what nobody asked', Buffer.from('00000004000003e7', 'hex'), /no request asked for/],
    ['sends a negative length', Buffer.from('ffffffff', 'hex'), /-1 bytes/],
    ['sends a frame too short for an id', Buffer.from('0000000100', 'hex'), /no request asked for/],
    ['answers with rubbish', Buffer.from('0000000800000002ffffffff', 'hex'), /can't be decoded/],
  ])('and %s loses the connection; the request is rejected', async (_what, bytes, message) => {
    const broker = emptyRig()
    foreignBroker(broker, (request) =>
      request.kind === 'request' && request.api === 'ApiVersions' ? versions : [bytes],
    )
    const connection = await broker.connect({ wire: 'kafka' })
    const error = await broker
      .run(connection.request('Metadata', allTopics, timeout))
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'ConnectionError', reason: 'corrupt' })
    expect((error as Error).message).toMatch(message)
    expect(connection.failure).toBe(error)
  })
})
