/** A client that speaks bytes, for tests of what real clients would not send. */
import type { CloseReason } from '@millrace/base'
import {
  decodeKafkaResponse,
  decodeNativeResponse,
  encodeKafkaRequest,
  encodeNativeRequest,
  NATIVE_PREAMBLE,
  type ApiName,
  type RequestInputOf,
} from '@millrace/protocol'
import type { LoopbackConn, LoopbackNet } from './loopback-net.ts'

export const ENDPOINT = { host: '127.0.0.1', port: 9092 }

export class RawPeer {
  readonly conn: LoopbackConn
  closed: CloseReason | null = null
  #received: Buffer = Buffer.alloc(0)
  readonly #native: boolean

  constructor(net: LoopbackNet, options: { native?: boolean; from?: string } = {}) {
    this.#native = options.native === true
    this.conn = net.connect(
      ENDPOINT,
      {
        onData: (chunk) => void (this.#received = Buffer.concat([this.#received, chunk])),
        onClose: (reason) => void (this.closed = reason),
      },
      options.from,
    )
    if (this.#native) this.conn.write([NATIVE_PREAMBLE])
  }

  send(...bytes: Uint8Array[]): void {
    this.conn.write(bytes)
  }

  request<N extends ApiName>(api: N, version: number, correlationId: number, body: RequestInputOf<N>): void {
    this.conn.write([requestBytes(api, version, correlationId, body, this.#native)])
  }

  /** An ApiVersions request, the smallest that has an answer. */
  ping(correlationId: number): void {
    this.request('ApiVersions', 0, correlationId, {})
  }

  /** Correlation ids of the answers to pings so far. */
  get answers(): number[] {
    return this.frames.map((frame) => {
      const decode = this.#native ? decodeNativeResponse : decodeKafkaResponse
      const response = decode('ApiVersions', 0, frame)
      if (response.kind !== 'response') throw new Error(response.reason)
      return response.correlationId
    })
  }

  get frames(): Buffer[] {
    const frames: Buffer[] = []
    for (let position = 0; position + 4 <= this.#received.length;) {
      const end = position + 4 + this.#received.readInt32BE(position)
      if (end > this.#received.length) break
      frames.push(this.#received.subarray(position + 4, end))
      position = end
    }
    return frames
  }
}

export function requestBytes<N extends ApiName>(
  api: N,
  version: number,
  correlationId: number,
  body: RequestInputOf<N>,
  native = false,
): Buffer {
  const encode = native ? encodeNativeRequest : encodeKafkaRequest
  return Buffer.concat(encode(api, version, { correlationId, clientId: 'raw' }, body))
}
