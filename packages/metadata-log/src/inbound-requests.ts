/**
 * Requests of other replicas between their arrival and the core's answer.
 *
 * Owns: which of them wait, under the ids by which the core answers. Must not know: what is asked.
 * Invariants: each id is answered once, or dropped once when its connection ends; requests of another cluster, or about
 * another topic, never reach the core; whoever asks a replica that does not run (yet, or any more) is told to ask another.
 */
import type { RequestContext } from '@millrace/net'
import { ErrorCode, LateAnswer, type NoResponse, type ResponseInputOf } from '@millrace/protocol'
import type { RaftRequest, RaftResponse } from '@millrace/raft'
import type { RaftApi } from './wire-request.ts'
import { toWireResponse, wireRefusal } from './wire-response.ts'

export interface InboundRequestsOptions {
  readonly clusterId: string
  /** The answer of a replica that does not take part. */
  refusalOf(request: RaftRequest): RaftResponse
  onRequest(id: number, request: RaftRequest): void
  onDropped(id: number): void
}

interface Inbound {
  readonly request: RaftRequest
  readonly context: RequestContext
  readonly answer: LateAnswer<ResponseInputOf<RaftApi>>
}

export class InboundRequests {
  readonly #options: InboundRequestsOptions
  readonly #waiting = new Map<number, Inbound>()
  #nextId = 1
  #isOpen = false

  constructor(options: InboundRequestsOptions) {
    this.#options = options
  }

  open(): void {
    this.#isOpen = true
  }

  /** @param request null: it is not about the metadata log */
  ask<N extends RaftApi>(
    api: N,
    clusterId: string | null,
    request: RaftRequest | null,
    context: RequestContext,
  ): LateAnswer<ResponseInputOf<N> | NoResponse> {
    const answer = new LateAnswer<ResponseInputOf<RaftApi>>()
    if (clusterId !== null && clusterId !== this.#options.clusterId)
      answer.give(wireRefusal(api, ErrorCode.INCONSISTENT_CLUSTER_ID))
    else if (request === null) answer.give(wireRefusal(api, ErrorCode.INVALID_REQUEST))
    else if (!this.#isOpen) answer.give(toWireResponse(this.#options.refusalOf(request)))
    else this.#wait({ request, context, answer })
    // What is given belongs to the API that was asked.
    return answer as LateAnswer<unknown> as LateAnswer<ResponseInputOf<N> | NoResponse>
  }

  /** @param afterWritten runs when the memory under the response may be reused, also when nobody waits for it any more */
  answer(id: number, response: RaftResponse, afterWritten?: () => void): void {
    const inbound = this.#waiting.get(id)
    if (inbound === undefined) return afterWritten?.()
    this.#waiting.delete(id)
    if (afterWritten !== undefined) inbound.context.afterWritten(afterWritten)
    inbound.answer.give(toWireResponse(response))
  }

  /** The core answers nobody any more. */
  close(): void {
    this.#isOpen = false
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { request, answer } of waiting) answer.give(toWireResponse(this.#options.refusalOf(request)))
  }

  #wait(inbound: Inbound): void {
    const id = this.#nextId
    this.#nextId += 1
    this.#waiting.set(id, inbound)
    inbound.context.onClosed(() => {
      if (this.#waiting.delete(id)) this.#options.onDropped(id)
    })
    this.#options.onRequest(id, inbound.request)
  }
}
