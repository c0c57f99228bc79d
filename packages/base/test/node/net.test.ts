import { afterEach, describe, expect, it } from 'vitest'
import type {
  CloseReason,
  Closer,
  Conn,
  ConnEvents,
  Endpoint,
  ListenHandlers,
  NetError,
} from '@millrace/base'
import { nodeNet } from '@millrace/base/node'

const HOST = '127.0.0.1'
const net = nodeNet()
const closers: Closer[] = []
const conns: Conn[] = []

afterEach(async () => {
  for (const conn of conns.splice(0)) conn.destroy()
  await Promise.all(closers.splice(0).map((closer) => new Promise<void>((done) => closer.close(done))))
})

function listen(
  onConnection: ListenHandlers['onConnection'],
  port = 0,
  reusePort = false,
): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const accept: ListenHandlers['onConnection'] = (conn) => {
      conns.push(conn)
      return onConnection(conn)
    }
    const options = { host: HOST, port, reusePort }
    closers.push(net.listen(options, { onReady: resolve, onError: reject, onConnection: accept }))
  })
}

interface Probe {
  readonly conn: Conn
  readonly opened: Promise<void>
  readonly closed: Promise<CloseReason>
  closes: number
  received: Buffer[]
  /** Resolves when at least so many bytes have arrived. */
  bytes(count: number): Promise<Buffer>
}

function dial(endpoint: Endpoint, extra: Partial<ConnEvents> = {}): Probe {
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<CloseReason>()
  let wanted: { count: number; resolve: (bytes: Buffer) => void } | null = null
  const events: ConnEvents = {
    onOpen: opened.resolve,
    onData(chunk) {
      probe.received.push(Buffer.from(chunk))
      check()
    },
    onClose(reason) {
      probe.closes += 1
      closed.resolve(reason)
    },
    ...extra,
  }
  const check = (): void => {
    const all = Buffer.concat(probe.received)
    if (wanted !== null && all.length >= wanted.count) wanted.resolve(all)
  }
  const probe: Probe = {
    conn: net.dial(endpoint, events),
    opened: opened.promise,
    closed: closed.promise,
    closes: 0,
    received: [],
    bytes: (count) =>
      new Promise((resolve) => {
        wanted = { count, resolve }
        check()
      }),
  }
  conns.push(probe.conn)
  return probe
}

const echo: ListenHandlers['onConnection'] = (conn) => ({
  onData: (chunk) => void conn.write([Buffer.from(chunk)]),
  onClose() {},
})

const sink: ListenHandlers['onConnection'] = () => ({ onData() {}, onClose() {} })

function pattern(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let i = 0; i + 4 <= bytes; i += 4) buffer.writeUInt32LE((i * 2654435761) >>> 0, i)
  return buffer
}

describe('TCP', () => {
  it('carries bytes both ways, in order, whatever the chunks', async () => {
    const endpoint = await listen(echo)
    const probe = dial(endpoint)
    await probe.opened
    const chunks = [1, 2047, 2048, 3, 70_000, 5, 6, 100_000, 1].map((size, i) => pattern(size).fill(i, 0, 1))
    probe.conn.write(chunks)
    const expected = Buffer.concat(chunks)
    expect((await probe.bytes(expected.length)).equals(expected)).toBe(true)
  })

  it('keeps what could not be sent at once as it was written, however much is written after it', async () => {
    const accepted = Promise.withResolvers<Conn>()
    const received: Buffer[] = []
    let bytes = 0
    const all = Promise.withResolvers<void>()
    const endpoint = await listen((conn) => {
      conn.pause()
      accepted.resolve(conn)
      return {
        onData(chunk) {
          received.push(Buffer.from(chunk))
          bytes += chunk.length
          if (bytes === expected.length) all.resolve()
        },
        onClose() {},
      }
    })
    const probe = dial(endpoint)
    const parts: Buffer[] = []
    // The first before the connection is open, the last when the peer has not read for megabytes.
    while (parts.length < 3000) {
      const pair = [pattern(1000).fill(parts.length), pattern(3000).fill(parts.length >> 8)]
      parts.push(...pair)
      probe.conn.write(pair)
      if (parts.length === 200) await probe.opened
    }
    const expected = Buffer.concat(parts)
    expect(probe.conn.pendingBytes).toBeGreaterThan(0)
    ;(await accepted.promise).resume()
    await all.promise
    expect(Buffer.concat(received).equals(expected)).toBe(true)
  })

  it('knows both ends of a connection', async () => {
    const accepted = Promise.withResolvers<Conn>()
    const endpoint = await listen((conn) => {
      accepted.resolve(conn)
      return { onData() {}, onClose() {} }
    })
    const probe = dial(endpoint)
    const conn = await accepted.promise
    await probe.opened
    expect(conn.local).toEqual(endpoint)
    expect(conn.remote).toEqual(probe.conn.local)
    expect(probe.conn.remote).toEqual(endpoint)
  })

  it('receives into the memory that the reader offers', async () => {
    const target = Buffer.alloc(10 * 1024 * 1024)
    let filled = 0
    const foreignBytes: number[] = []
    const done = Promise.withResolvers<void>()
    const endpoint = await listen(() => ({
      receiveBuffer: () => (filled < target.length ? target.subarray(filled) : undefined),
      onData(chunk) {
        if (chunk.buffer !== target.buffer) foreignBytes.push(chunk.length)
        filled += chunk.length
        if (filled === target.length) done.resolve()
      },
      onClose() {},
    }))
    const probe = dial(endpoint)
    await probe.opened
    const sent = pattern(target.length)
    probe.conn.write([sent])
    await done.promise
    // Also the first read: Node asks for its buffer before the events are known, then after each read.
    expect(foreignBytes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(64 * 1024)
    const direct = foreignBytes[0] ?? 0
    expect(target.subarray(direct).equals(sent.subarray(direct))).toBe(true)
  })

  it('runs onWritten exactly once, after the call, in order', async () => {
    const endpoint = await listen(sink)
    const probe = dial(endpoint)
    await probe.opened
    const order: string[] = []
    const last = Promise.withResolvers<void>()
    probe.conn.write([pattern(3_000_000)], () => order.push('large'))
    probe.conn.write([pattern(10), pattern(20), pattern(5000)], () => order.push('several'))
    probe.conn.write([], () => order.push('none'))
    order.push('called')
    probe.conn.write([pattern(1)], () => {
      order.push('last')
      last.resolve()
    })
    await last.promise
    expect(order.toSorted()).toEqual(['called', 'large', 'last', 'none', 'several'])
    expect(order[0]).toBe('called')
    expect(order.indexOf('large')).toBeLessThan(order.indexOf('several'))
  })

  it('runs onWritten of what was never sent when the connection is destroyed', async () => {
    const endpoint = await listen((conn) => {
      conn.pause()
      return { onData() {}, onClose() {} }
    })
    const probe = dial(endpoint)
    await probe.opened
    let written = 0
    for (let i = 0; i < 8; i += 1)
      probe.conn.write([Buffer.alloc(4_000_000), pattern(8)], () => (written += 1))
    expect(probe.conn.pendingBytes).toBeGreaterThan(8_000_000)
    probe.conn.destroy()
    probe.conn.write([pattern(1)], () => (written += 1))
    expect(await probe.closed).toBe('local')
    await new Promise(setImmediate)
    expect(written).toBe(9)
    expect(probe.closes).toBe(1)
  })

  it('feels backpressure: write says stop, onDrain says go on', async () => {
    let server!: Conn
    let received = 0
    const serverClosed = Promise.withResolvers<CloseReason>()
    const endpoint = await listen((conn) => {
      server = conn
      conn.pause()
      return { onData: (chunk) => void (received += chunk.length), onClose: serverClosed.resolve }
    })
    const drained = Promise.withResolvers<void>()
    const probe = dial(endpoint, { onDrain: drained.resolve })
    await probe.opened
    let sent = 0
    while (sent < 20) {
      sent += 1
      probe.conn.write([Buffer.alloc(1_000_000)])
    }
    expect(probe.conn.write([pattern(1)])).toBe(false)
    expect(probe.conn.pendingBytes).toBeGreaterThan(0)
    expect(received).toBe(0)
    server.resume()
    await drained.promise
    expect(probe.conn.pendingBytes).toBe(0)
    probe.conn.end()
    expect(await serverClosed.promise).toBe('eof')
    expect(received).toBe(sent * 1_000_000 + 1)
  })

  it('delivers nothing while paused, and everything after', async () => {
    const chunks: Buffer[] = []
    let server!: Conn
    const first = Promise.withResolvers<void>()
    const all = Promise.withResolvers<void>()
    const endpoint = await listen((conn) => {
      server = conn
      return {
        onData(chunk) {
          chunks.push(Buffer.from(chunk))
          if (chunks.length === 1) {
            conn.pause()
            first.resolve()
          }
          if (Buffer.concat(chunks).length === 200_001) all.resolve()
        },
        onClose() {},
      }
    })
    const probe = dial(endpoint)
    await probe.opened
    probe.conn.write([pattern(1)])
    await first.promise
    const flushed = Promise.withResolvers<void>()
    probe.conn.write([pattern(200_000)], flushed.resolve)
    await flushed.promise
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
    expect(chunks).toHaveLength(1)
    server.resume()
    await all.promise
    expect(Buffer.concat(chunks).subarray(-200_000).equals(pattern(200_000))).toBe(true)
  })

  it('sends what is pending before an end, and then closes both sides', async () => {
    const serverClosed = Promise.withResolvers<CloseReason>()
    let received = 0
    const endpoint = await listen(() => ({
      onData: (chunk) => void (received += chunk.length),
      onClose: serverClosed.resolve,
    }))
    const probe = dial(endpoint)
    await probe.opened
    probe.conn.write([Buffer.alloc(5_000_000)])
    probe.conn.end()
    expect(await probe.closed).toBe('local')
    expect(await serverClosed.promise).toBe('eof')
    expect(received).toBe(5_000_000)
  })

  it('reports a reset as such', async () => {
    const serverClosed = Promise.withResolvers<CloseReason>()
    const endpoint = await listen((conn) => ({
      // Data that the client has not read when it closes makes the kernel answer with a reset.
      onData: () => void conn.write([Buffer.alloc(2_000_000)]),
      onClose: serverClosed.resolve,
    }))
    const probe = dial(endpoint, { onData: () => probe.conn.destroy() })
    await probe.opened
    probe.conn.write([pattern(1)])
    expect(await serverClosed.promise).toBe('reset')
  })

  it('says why a dial fails, once', async () => {
    const endpoint = await listen(sink)
    await new Promise<void>((done) => closers.pop()!.close(done))
    const refused = dial(endpoint)
    expect(await refused.closed).toBe('refused')
    const unknown = dial({ host: 'no-such-host.invalid', port: 9092 })
    expect(await unknown.closed).toBe('unreachable')
    expect([refused.closes, unknown.closes]).toEqual([1, 1])
  })

  it('says that a port is in use', async () => {
    const { port } = await listen(sink)
    const error = await listen(sink, port).catch((reason: unknown) => reason as NetError)
    expect(error).toMatchObject({ name: 'NetError', code: 'EADDRINUSE' })
    expect((error as NetError).message).toContain(`${HOST}:${port}`)
  })

  it.runIf(process.platform === 'linux')('lets two listeners share a port', async () => {
    const first = await listen(sink, 0, true)
    const second = await listen(sink, first.port, true)
    expect(second).toEqual(first)
    const probes = Array.from({ length: 8 }, () => dial(first))
    await Promise.all(probes.map((probe) => probe.opened))
  })

  it('frees the port on close, while connections live on', async () => {
    const endpoint = await listen(echo)
    const probe = dial(endpoint)
    await probe.opened
    await new Promise<void>((done) => closers.pop()!.close(done))
    await listen(sink, endpoint.port)
    probe.conn.write([pattern(100)])
    expect((await probe.bytes(100)).equals(pattern(100))).toBe(true)
  })
})
