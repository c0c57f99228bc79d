/**
 * Fetch v4–17: record batches as they lie in the log, up to the high watermark; whole batches only.
 *
 * - Parks until `minBytes` can be read, `maxWaitMs` passed, or a partition has an error.
 * - The limits are soft (KIP-74): the first batch of the first partition that has one is returned however large.
 * - Sessions (KIP-227) are answered with session id 0, so that clients send complete requests; a request that relies on
 *   a session gets FETCH_SESSION_ID_NOT_FOUND.
 * - Followers fetch by the same API: see `replica/serving`.
 * - From version 13 on topics are named by id; an unknown one is UNKNOWN_TOPIC_ID.
 */
import type { RequestContext } from '@millrace/net'
import { ErrorCode, LateAnswer } from '@millrace/protocol'
import type { Handler, NoResponse, ResponseInputOf } from '@millrace/protocol'
import type { Deadlines } from '../deadlines.ts'
import { ShareContext } from '../forwarding/share-context.ts'
import { ReplicaServing } from '../replica/serving/replica-serving.ts'
import { FetchWait } from '../partition/fetch-wait.ts'
import { FetchRead } from './fetch-read.ts'
import type { FetchReadSurroundings } from './fetch-read.ts'

type FetchResponse = ResponseInputOf<'Fetch'>

interface FetchSurroundings extends FetchReadSurroundings {
  /** The shard is about to stop: nothing may be parked any more. */
  readonly isDraining: () => boolean
  readonly deadlines: Deadlines
}

export function fetchHandler(
  surroundings: FetchSurroundings,
  replicas: ReplicaServing,
): Handler<'Fetch', RequestContext> {
  // Where reading starts, so that a client whose first partition fills every response also gets the others.
  let rotation = 0

  return (request, context) => {
    if (ReplicaServing.isReplicas(request, context)) return replicas.handle(request, context)
    // Epochs 0 and −1 open or end a session with a complete request, which needs none.
    if (request.sessionEpoch > 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
    rotation = (rotation + 1) & 0xffff
    const { listener } = context.connection
    const read = new FetchRead(request, context.apiVersion, rotation, surroundings, listener)
    const enough = read.bytes >= request.minBytes || read.mustAnswer
    if (enough || request.maxWaitMs <= 0 || surroundings.isDraining()) return sent(read, context)
    const { bytes, partitions } = read
    read.release()
    const answer = new LateAnswer<FetchResponse | NoResponse>()
    const wait = new FetchWait(
      request.minBytes - bytes,
      request.maxWaitMs,
      partitions,
      surroundings.deadlines,
      () =>
        answer.give(
          sent(new FetchRead(request, context.apiVersion, rotation, surroundings, listener), context),
        ),
    )
    context.onClosed(() => wait.abandon())
    if (context instanceof ShareContext) context.onHurry(() => wait.complete())
    return answer
  }
}

function sent(read: FetchRead, context: RequestContext): FetchResponse {
  if (read.bytes > 0) context.afterWritten(() => read.release())
  return { responses: read.responses, nodeEndpoints: read.nodeEndpoints }
}
