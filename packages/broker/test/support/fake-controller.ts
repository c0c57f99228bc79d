/** A controller that answers what a test says, in this process or over the real network. */
import { nodeEnv, silentLog } from '@millrace/base/node'
import type { Endpoint } from '@millrace/base'
import { Server } from '@millrace/net'
import { advertisedVersions, NATIVE_WIRE_VERSION } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { ControllerApi, ControllerChannel } from '../../src/controller-channel.ts'

export interface ReceivedRequest {
  readonly api: ControllerApi
  readonly body: unknown
  answer(response: ResponseInputOf<ControllerApi>): void
}

export class FakeController implements ControllerChannel {
  /** Not answered yet. */
  readonly waiting: ReceivedRequest[] = []
  received = 0
  /** That requests came in on. */
  readonly connections = new Set<number>()
  /** Answers at once, when set. */
  reply: ((api: ControllerApi, body: unknown) => ResponseInputOf<ControllerApi>) | null = null
  #server: Server | null = null
  #onReceived: (() => void)[] = []

  async listen(): Promise<Endpoint> {
    const server = new Server({
      env: nodeEnv({ log: silentLog }),
      dispatch: (request, { connection }) => {
        this.connections.add(connection.id)
        if (request.api === 'ApiVersions')
          return { apiKeys: advertisedVersions('controller'), nativeWire: NATIVE_WIRE_VERSION }
        return this.#receive(request.api as ControllerApi, request.body)
      },
    })
    this.#server = server
    return server.listen({ name: 'controller', host: '127.0.0.1', port: 0 })
  }

  async close(): Promise<void> {
    await this.#server?.close(0)
  }

  /** Resolves when a request waits. */
  async next(): Promise<ReceivedRequest> {
    while (this.waiting.length === 0) await new Promise<void>((resolve) => this.#onReceived.push(resolve))
    return this.waiting.shift()!
  }

  request<N extends ControllerApi>(api: N, request: RequestOf<N>): Promise<ResponseInputOf<N>> {
    return this.#receive(api, request) as Promise<ResponseInputOf<N>>
  }

  #receive(api: ControllerApi, body: unknown): Promise<ResponseInputOf<ControllerApi>> {
    this.received++
    if (this.reply !== null) return Promise.resolve(this.reply(api, body))
    return new Promise((answer) => {
      this.waiting.push({ api, body, answer })
      for (const resolve of this.#onReceived.splice(0)) resolve()
    })
  }
}
