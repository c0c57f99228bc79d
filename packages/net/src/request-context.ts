/** What a handler knows about a request beside its body, and how it follows the fate of its answer. */
import type { Endpoint } from '@millrace/base'
import type { ApiName, DecodedRequest, LateAnswer, NoResponse, ResponseInputOf } from '@millrace/protocol'
import type { WireName } from './wire.ts'

/**
 * Decides the answer to a request; a promise or a late answer parks it. The request's bytes are views of receive memory: valid until
 * the server's `beforeReuse` has run, which is after this call and before any promise continues.
 * A throw or a rejection is a bug: it is logged, and the connection closed without an answer.
 */
export type Dispatch = (
  request: DecodedRequest,
  context: RequestContext,
) => Answer | LateAnswer<Answer> | Promise<Answer>

export type MaybeLater<T> = T | LateAnswer<T> | Promise<T>
export type Answer = ResponseInputOf<ApiName> | NoResponse

export interface RequestContext {
  readonly connection: Connection
  readonly apiVersion: number
  /** As the request says; null when it does not. */
  readonly clientId: string | null
  /** Monotonic time at which the request was complete. */
  readonly receivedAtMs: number
  /**
   * Runs `callback` once the memory under the answer may be reused: the answer has left, or never will. To be called
   * before the answer is returned or resolved.
   */
  afterWritten(callback: () => void): void
  /** Runs `callback` if the connection closes before the answer is there: nobody waits for it any more. */
  onClosed(callback: () => void): void
}

/** The connection that a request came by. */
export interface Connection {
  readonly id: number
  /** Name of the listener that accepted it. */
  readonly listener: string
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly wire: WireName
  /** Whether the peer may send frames of full length. */
  authenticated: boolean
  /** Drops the connection, as Kafka does after an error of a request that gets no response (acks 0). */
  close(reason: string): void
}
