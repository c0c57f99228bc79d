/**
 * The other shards of this broker, as one shard reaches them: shares of requests go out, shares of theirs come in.
 *
 * Owns: one pipe to each peer. Must not know: how requests are cut into shares.
 * Invariant: memory that crosses is either a copy made for it or handed over for good.
 */
import type { Timers } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { LateAnswer } from '@millrace/protocol'
import type { Handler, NoResponse, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { Calls, Moved, PortClosedError } from '../thread/calls.ts'
import type { Port } from '../thread/port.ts'
import { ShareContext } from './share-context.ts'
import type { ShareOrigin } from './share-context.ts'
import { copiedProduce, movedFetch, receivedProduce } from './share-records.ts'

/** The APIs whose requests are cut into shares. */
export type SharedApi =
  | 'Produce'
  | 'Fetch'
  | 'ListOffsets'
  | 'DeleteRecords'
  | 'OffsetForLeaderEpoch'
  | 'DescribeLogDirs'
export type SharedHandlers = { readonly [N in SharedApi]: Handler<N, RequestContext> }

interface Share<N extends SharedApi> {
  readonly id: number
  readonly request: RequestOf<N>
  readonly origin: ShareOrigin
}

/** What one shard may ask of another: the APIs themselves, and haste. */
type PeerCalls = { [N in SharedApi]: (share: Share<N>) => ResponseInputOf<N> } & {
  /** The share with this id is to be answered with what there is. */
  hurry(id: number): void
}

/** A share that another shard is answering. */
export interface RemoteShare<N extends SharedApi> {
  /** null: that shard died. */
  readonly answer: Promise<ResponseInputOf<N> | null>
  hurry(): void
}

export class ShardPeers {
  readonly #timers: Timers
  readonly #handlers: SharedHandlers
  readonly #onStaged: () => void
  readonly #peers = new Map<number, Calls<PeerCalls, PeerCalls>>()
  #nextShareId = 0

  /** @param onStaged runs when a share may have staged appends outside of any connection's read */
  constructor(timers: Timers, handlers: SharedHandlers, onStaged: () => void) {
    this.#timers = timers
    this.#handlers = handlers
    this.#onStaged = onStaged
  }

  /** Replaces the pipe to a shard that was started again; what waited on the old one is given up. */
  connect(shard: number, port: Port): void {
    this.disconnect(shard)
    const underWay = new Map<number, ShareContext>()
    const answer = <N extends SharedApi>(api: N, share: Share<N>) => this.#answer(api, share, underWay)
    this.#peers.set(
      shard,
      new Calls<PeerCalls, PeerCalls>(port, this.#timers, {
        Produce: (share) => answer('Produce', { ...share, request: receivedProduce(share.request) }),
        Fetch: async (share) => movedFetch(await answer('Fetch', share)),
        ListOffsets: (share) => answer('ListOffsets', share),
        DeleteRecords: (share) => answer('DeleteRecords', share),
        OffsetForLeaderEpoch: (share) => answer('OffsetForLeaderEpoch', share),
        DescribeLogDirs: (share) => answer('DescribeLogDirs', share),
        hurry: (id) => underWay.get(id)?.hurry(),
      }),
    )
  }

  /** The shard died: what waits for its answers learns so. */
  disconnect(shard: number): void {
    this.#peers.get(shard)?.close()
    this.#peers.delete(shard)
  }

  close(): void {
    for (const shard of this.#peers.keys()) this.disconnect(shard)
  }

  /** The other shards that run. */
  shards(): number[] {
    return [...this.#peers.keys()]
  }

  /** Copies the records of the request at once: its memory is not needed afterwards. */
  ask<N extends SharedApi>(
    shard: number,
    api: N,
    request: RequestOf<N>,
    origin: ShareOrigin,
  ): RemoteShare<N> {
    const peer = this.#peers.get(shard)
    if (peer === undefined) return { answer: Promise.resolve(null), hurry() {} }
    const id = this.#nextShareId++
    const { apiVersion, clientId, receivedAtMs, connection } = origin
    const { listener } = connection
    const copy = api === 'Produce' ? copiedProduce(request as RequestOf<'Produce'>) : new Moved(request, [])
    const share = {
      id,
      request: copy.value,
      origin: { apiVersion, clientId, receivedAtMs, connection: { listener } },
    }
    const call = peer.call as (
      name: N,
      share: unknown,
      transfer: Moved<unknown>['transfer'],
    ) => Promise<unknown>
    const answer = call.call(peer, api, share, copy.transfer) as Promise<ResponseInputOf<N>>
    return {
      answer: answer.catch(goneToNull),
      hurry: () => void peer.call('hurry', id).catch(goneToNull),
    }
  }

  async #answer<N extends SharedApi>(
    api: N,
    share: Share<N>,
    underWay: Map<number, ShareContext>,
  ): Promise<ResponseInputOf<N>> {
    const context = new ShareContext(share.origin, null)
    underWay.set(share.id, context)
    try {
      const handler = this.#handlers[api] as unknown as Handler<N, RequestContext>
      const answered = handler(share.request, context)
      this.#onStaged()
      return await promised(answered)
    } finally {
      underWay.delete(share.id)
    }
  }
}

/** A share always has an answer: acks=0 was made 1 when the request was cut. */
export function promised<N extends SharedApi>(
  answer: ReturnType<Handler<N, RequestContext>>,
): Promise<ResponseInputOf<N>> {
  type Answer = ResponseInputOf<N> | NoResponse
  if (answer instanceof LateAnswer) {
    return new Promise((resolve) =>
      (answer as LateAnswer<Answer>).whenGiven((given) => resolve(given as ResponseInputOf<N>)),
    )
  }
  return Promise.resolve(answer as Answer | Promise<Answer>) as Promise<ResponseInputOf<N>>
}

function goneToNull(error: unknown): null {
  if (error instanceof PortClosedError) return null
  throw error
}
