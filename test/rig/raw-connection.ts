/**
 * A socket and nothing else: sends whatever bytes a test makes up, cuts what comes back into frames, knows when the
 * other side closed. Speaks either wire, because both prefix a frame with its length.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  decodeKafkaResponse,
  decodeNativeResponse,
  encodeKafkaRequest,
  encodeNativeRequest,
  NATIVE_PREAMBLE,
  type ApiName,
  type RequestInputOf,
  type ResponseOf,
} from '@millrace/protocol'

export type RawWire = 'kafka' | 'native'

export class RawConnection implements Disposable {
  readonly wire: RawWire
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #wake: (() => void) | null = null
  #correlationId = 0
  closed = false

  private constructor(socket: Socket, wire: RawWire) {
    this.#socket = socket
    this.wire = wire
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake?.()
    })
    const end = (): void => {
      this.closed = true
      this.#wake?.()
    }
    socket.on('close', end)
    // a reset is one of the ways in which the other side closes
    socket.on('error', end)
  }

  static async open(port: number, wire: RawWire): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    if (wire === 'native') socket.write(NATIVE_PREAMBLE)
    return new RawConnection(socket, wire)
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** A whole request frame on this connection's wire. */
  encode<N extends ApiName>(api: N, version: number, body: RequestInputOf<N>): Buffer {
    const encode = this.wire === 'kafka' ? encodeKafkaRequest : encodeNativeRequest
    return Buffer.concat(
      encode(api, version, { correlationId: ++this.#correlationId, clientId: 'raw' }, body),
    )
  }

  async request<N extends ApiName>(api: N, version: number, body: RequestInputOf<N>): Promise<ResponseOf<N>> {
    this.send(this.encode(api, version, body))
    return this.response(api, version)
  }

  async response<N extends ApiName>(api: N, version: number): Promise<ResponseOf<N>> {
    const decode = this.wire === 'kafka' ? decodeKafkaResponse : decodeNativeResponse
    const decoded = decode(api, version, await this.frame())
    if (decoded.kind === 'corrupt') throw new Error(`the broker sent a corrupt frame: ${decoded.reason}`)
    return decoded.body
  }

  /** The next frame without its length; fails when the connection closes first. */
  async frame(): Promise<Buffer> {
    while (this.#received.length < 4 || this.#received.length < 4 + this.#received.readInt32BE(0)) {
      if (this.closed) throw new Error('the broker closed the connection')
      await this.#news()
    }
    const end = 4 + this.#received.readInt32BE(0)
    const frame = this.#received.subarray(4, end)
    this.#received = this.#received.subarray(end)
    return frame
  }

  /** Resolves once the broker has closed; fails if it sends a frame instead. */
  async whenClosed(): Promise<void> {
    while (!this.closed) {
      if (this.#received.length > 0) throw new Error(`the broker answered ${this.#received.toString('hex')}`)
      await this.#news()
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = null
  }
}
