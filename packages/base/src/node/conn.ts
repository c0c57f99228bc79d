/**
 * One TCP connection over a `net.Socket`, accepted or dialled.
 *
 * Owns: the socket, the cause of its end. Must not know: frames.
 * Invariants: `onClose` runs exactly once and last; no `onData` after this side ended; every `onWritten` runs once.
 */
import type { OnReadOpts, Socket } from 'node:net'
import type { CloseReason, Conn, ConnEvents, Endpoint } from '../env.ts'

/** Smaller chunks of a large write become one with their neighbours: cheaper than an entry of a `writev` each. */
const MERGE_CHUNK_BYTES = 2048
/** Up to this the chunks of a write are copied into one, which spares Node's way to a `writev`. */
const MERGE_BYTES_MAX = 16 * 1024

/** Of this thread: where such a write is put together. Given away to a socket that could not send it at once. */
let scratch: Buffer | null = null

const NO_ENDPOINT: Endpoint = { host: '', port: 0 }

export class NodeConn implements Conn {
  /** Set right after construction, before the socket can call back. */
  events!: ConnEvents
  readonly onRead: OnReadOpts
  readonly #ownBuffer: Buffer
  #socket!: Socket
  #local: Endpoint | null = null
  #remote: Endpoint | null
  /** Why the connection ends, once it is known; the first cause counts. */
  #reason: CloseReason | null = null
  #open: boolean
  #paused = false

  /** @param dialled where to, or null for an accepted connection */
  constructor(receiveBuffer: Buffer, dialled: Endpoint | null) {
    this.#ownBuffer = receiveBuffer
    this.#remote = dialled
    this.#open = dialled === null
    this.onRead = {
      // Node calls this at once and after each read, for the read that follows.
      buffer: () => this.#nextBuffer(),
      callback: (bytes, buffer) => this.#received(bytes, buffer),
    }
  }

  attach(socket: Socket): void {
    this.#socket = socket
    socket.on('connect', () => {
      this.#open = true
      this.events.onOpen?.()
    })
    socket.on('drain', () => this.events.onDrain?.())
    socket.on('end', () => (this.#reason ??= 'eof'))
    socket.on('error', (error: NodeJS.ErrnoException) => (this.#reason ??= reasonOf(error, this.#open)))
    socket.on('close', () => this.events.onClose(this.#reason ?? 'reset'))
  }

  get local(): Endpoint {
    return (this.#local ??= endpointOf(this.#socket.localAddress, this.#socket.localPort)) ?? NO_ENDPOINT
  }

  get remote(): Endpoint {
    return (this.#remote ??= endpointOf(this.#socket.remoteAddress, this.#socket.remotePort)) ?? NO_ENDPOINT
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(chunks: readonly Uint8Array[], onWritten?: () => void): boolean {
    if (this.#reason !== null || chunks.length === 0) {
      if (onWritten !== undefined) process.nextTick(onWritten)
      return this.#reason === null
    }
    if (chunks.length === 1) return this.#socket.write(chunks[0]!, onWritten)
    const bytes = byteLength(chunks)
    if (bytes <= MERGE_BYTES_MAX) return this.#writeAsOne(chunks, bytes, onWritten)
    const merged = mergeSmall(chunks)
    if (merged.length === 1) return this.#socket.write(merged[0]!, onWritten)
    const last = merged.length - 1
    this.#socket.cork()
    for (let i = 0; i < last; i += 1) this.#socket.write(merged[i]!)
    const ready = this.#socket.write(merged[last]!, onWritten)
    this.#socket.uncork()
    return ready
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  /** Begins to read, for an accepted connection whose events are set; unless they paused it already. */
  start(): void {
    if (!this.#paused) this.#socket.resume()
  }

  end(): void {
    this.#reason ??= 'local'
    // Not `end()`: that would wait for the peer to close its side too.
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#reason ??= 'local'
    this.#socket.destroy()
  }

  #writeAsOne(chunks: readonly Uint8Array[], bytes: number, onWritten?: () => void): boolean {
    scratch ??= Buffer.allocUnsafeSlow(MERGE_BYTES_MAX)
    join(chunks, 0, chunks.length, scratch)
    const ready = this.#socket.write(scratch.subarray(0, bytes), onWritten)
    // What the operating system has not taken yet, or all while it connects, stays the socket's until it has.
    if (this.#socket.writableLength > 0) scratch = null
    return ready
  }

  #nextBuffer(): Buffer {
    return (this.#reason === null ? this.events?.receiveBuffer?.() : undefined) ?? this.#ownBuffer
  }

  #received(bytes: number, buffer: Uint8Array): boolean {
    if (this.#reason === null) this.events.onData((buffer as Buffer).subarray(0, bytes))
    return true
  }
}

/** Runs of small chunks become one buffer each; large chunks stay as they are. */
function mergeSmall(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const merged: Uint8Array[] = []
  let runStart = 0
  let runBytes = 0
  for (let i = 0; i <= chunks.length; i += 1) {
    const bytes = i < chunks.length ? chunks[i]!.length : Infinity
    if (bytes < MERGE_CHUNK_BYTES && runBytes + bytes <= MERGE_BYTES_MAX) {
      runBytes += bytes
      continue
    }
    if (i - runStart === 1) merged.push(chunks[runStart]!)
    else if (i > runStart) merged.push(joined(chunks, runStart, i, runBytes))
    runStart = i
    runBytes = bytes
    if (bytes >= MERGE_CHUNK_BYTES && i < chunks.length) {
      merged.push(chunks[i]!)
      runStart = i + 1
      runBytes = 0
    }
  }
  return merged
}

function joined(chunks: readonly Uint8Array[], start: number, end: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  join(chunks, start, end, buffer)
  return buffer
}

function join(chunks: readonly Uint8Array[], start: number, end: number, into: Buffer): void {
  let position = 0
  for (let i = start; i < end; i += 1) {
    into.set(chunks[i]!, position)
    position += chunks[i]!.length
  }
}

function byteLength(chunks: readonly Uint8Array[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | null {
  if (address === undefined || port === undefined) return null
  // A socket that listens on :: sees IPv4 peers in their mapped form.
  return { host: address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address, port }
}

function reasonOf(error: NodeJS.ErrnoException, open: boolean): CloseReason {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refused'
    case 'ETIMEDOUT':
      return 'timeout'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset'
    default:
      // Before it is open: no route, unknown host, no free port, too many descriptors.
      return open ? 'reset' : 'unreachable'
  }
}
