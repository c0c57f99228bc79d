import { afterEach, describe, expect, it } from 'vitest'
import { offset, type Conn } from '@millrace/base'
import { nodeClientEnv, nodeEnv } from '@millrace/base/node'
import { advertisedVersions, LateAnswer, type ResponseInputOf } from '@millrace/protocol'
import { connect, Server, type Answer, type ClientConnection } from '@millrace/net'

const HOST = '127.0.0.1'
const servers: Server[] = []
const clients: ClientConnection[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(servers.splice(0).map((server) => server.close(1000)))
})

/**
 * Answers Fetch with what was produced last, so that both directions carry data. Produced bytes are copied only in
 * `beforeReuse`, as a log would write them.
 */
async function storingServer(): Promise<number> {
  let stored = Buffer.alloc(0)
  let staged: { records: Buffer; answer: LateAnswer<Answer> }[] = []
  const server = new Server({
    env: nodeEnv(),
    dispatch(request) {
      switch (request.api) {
        case 'ApiVersions':
          return { apiKeys: advertisedVersions('broker'), nativeWire: 1 }
        case 'Produce': {
          const answer = new LateAnswer<Answer>()
          staged.push({ records: request.body.topicData[0]!.partitionData[0]!.records!, answer })
          return answer
        }
        case 'Fetch':
          return fetchAnswer(stored)
        default:
          throw new Error(request.api)
      }
    },
    beforeReuse() {
      const due = staged
      staged = []
      for (const { records, answer } of due) {
        stored = Buffer.from(records)
        answer.give({ responses: [] })
      }
    },
  })
  servers.push(server)
  const { port } = await server.listen({ host: HOST, port: 0, name: 'main' })
  return port
}

function fetchAnswer(records: Buffer): ResponseInputOf<'Fetch'> {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: offset(0), records }
  return { responses: [{ topic: 'flights', partitions: [partition] }] }
}

async function dial(port: number, wire: 'kafka' | 'native' | 'auto'): Promise<ClientConnection> {
  const endpoint = { host: HOST, port }
  const env = nodeClientEnv()
  const client = await connect({ env, endpoint, clientId: 'test', wire, connectTimeoutMs: 5000 })
  clients.push(client)
  return client
}

const produce = (records: Buffer) => ({
  acks: 1,
  timeoutMs: 1000,
  transactionalId: null,
  topicData: [{ name: 'flights', partitionData: [{ index: 0, records }] }],
})
const fetchRequest = { maxWaitMs: 0, minBytes: 0, topics: [] }
const timeout = { timeoutMs: 10_000 }

function pattern(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let i = 0; i + 4 <= bytes; i += 4) buffer.writeUInt32LE(Math.imul(i + bytes, 2654435761) >>> 0, i)
  return buffer
}

describe.each(['kafka', 'native'] as const)('over real sockets, on the %s wire', (wire) => {
  it('requests and answers of any size arrive intact', async () => {
    const client = await dial(await storingServer(), wire)
    for (const size of [1, 1000, 65_536, 65_537, 200_000, 3_000_000, 10_000_000, 100]) {
      let written = 0
      const sent = pattern(size)
      await client.request('Produce', produce(sent), {
        ...timeout,
        onWritten: () => (written += 1),
        version: 7,
      })
      const { body, release } = await client.requestPooled('Fetch', fetchRequest, { ...timeout, version: 4 })
      expect(body.responses[0]!.partitions[0]!.records!.equals(sent)).toBe(true)
      expect(written).toBe(1)
      release()
    }
  })

  it('many requests in flight from several connections are all answered', async () => {
    const port = await storingServer()
    const connections = await Promise.all(Array.from({ length: 5 }, () => dial(port, wire)))
    const answers = connections.flatMap((client) =>
      Array.from({ length: 100 }, (_, i) =>
        client.request('Produce', produce(pattern(1 + i * 997)), { ...timeout, version: 7 }),
      ),
    )
    expect(await Promise.all(answers)).toHaveLength(500)
  })
})

describe('over real sockets', () => {
  it('a client finds out by itself that the server speaks the native wire', async () => {
    expect((await dial(await storingServer(), 'auto')).wire).toBe('native')
  })

  it('nothing listening is reported as refused', async () => {
    const port = await storingServer()
    await servers.pop()!.close(0)
    await expect(dial(port, 'auto')).rejects.toMatchObject({ name: 'ConnectionError', reason: 'refused' })
  })

  it('a port in use is reported as such', async () => {
    const port = await storingServer()
    const second = new Server({ env: nodeEnv(), dispatch: () => ({ responses: [] }) })
    await expect(second.listen({ host: HOST, port, name: 'again' })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  it('a server that accepts and says nothing fails the connect within its deadline', async () => {
    const env = nodeClientEnv()
    const silent = new Promise<number>((resolve) => {
      const closer = env.net.listen(
        { host: HOST, port: 0 },
        {
          onReady: ({ port }) => resolve(port),
          onError() {},
          onConnection(conn: Conn) {
            closer.close()
            return { onData() {}, onClose: () => conn.destroy() }
          },
        },
      )
    })
    const endpoint = { host: HOST, port: await silent }
    const attempt = connect({ env, endpoint, clientId: null, wire: 'auto', connectTimeoutMs: 50 })
    await expect(attempt).rejects.toMatchObject({ reason: 'timeout' })
  })

  it('a client that disappears in mid-request frees its server connection', async () => {
    const arrived = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    const server = new Server({
      env: nodeEnv(),
      dispatch(request, context) {
        if (request.api === 'ApiVersions') return { apiKeys: advertisedVersions('broker'), nativeWire: 0 }
        context.onClosed(gone.resolve)
        arrived.resolve()
        return new Promise(() => {})
      },
    })
    servers.push(server)
    const { port } = await server.listen({ host: HOST, port: 0, name: 'main' })
    const client = await dial(port, 'kafka')
    const parked = client.request('Fetch', fetchRequest, { ...timeout, version: 4 })
    const outcome = expect(parked).rejects.toMatchObject({ reason: 'local' })
    await arrived.promise
    client.close()
    await outcome
    await gone.promise
    expect(server.connectionCount).toBe(0)
  })
})
