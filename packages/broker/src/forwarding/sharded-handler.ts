/**
 * Handlers of requests whose partitions may lie on other shards: what concerns only this one is answered here at once,
 * anything else is cut into shares, which their shards answer, and merged.
 *
 * - A share whose shard died is answered NOT_LEADER_OR_FOLLOWER, which makes clients refresh their metadata and retry.
 * - As soon as one share is ready, or the client is gone, the others are hurried: a fetch waits no longer than it must.
 */
import type { BufferPool } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode, NO_RESPONSE } from '@millrace/protocol'
import type { Handler, Handlers, RequestOf, ResponseInputOf } from '@millrace/protocol'
import { ReplicaServing } from '../replica/serving/replica-serving.ts'
import type { TopicTable } from '../topics/topic-table.ts'
import { split } from './partitioned-api.ts'
import type { PartitionedApi } from './partitioned-api.ts'
import {
  mergedLogDirs,
  partitionedDeleteRecords,
  partitionedFetch,
  partitionedListOffsets,
  partitionedOffsetForLeaderEpoch,
  partitionedProduce,
} from './partitioned-apis.ts'
import { ShareContext } from './share-context.ts'
import { fetchedPartitions } from './share-records.ts'
import { promised } from './shard-peers.ts'
import type { SharedApi, ShardPeers } from './shard-peers.ts'

interface Surroundings {
  readonly topics: TopicTable
  readonly peers: ShardPeers
  readonly pool: BufferPool
}

/** All handlers, those of partitioned APIs extended to the partitions of the other shards. */
export function shardedHandlers(
  local: Handlers<RequestContext>,
  surroundings: Surroundings,
): Handlers<RequestContext> {
  return {
    ...local,
    Produce: shardedProduce(local.Produce, surroundings),
    Fetch: shardedFetch(local.Fetch, surroundings),
    ListOffsets: sharded(partitionedListOffsets, local.ListOffsets, surroundings),
    DeleteRecords: sharded(partitionedDeleteRecords, local.DeleteRecords, surroundings),
    OffsetForLeaderEpoch: sharded(partitionedOffsetForLeaderEpoch, local.OffsetForLeaderEpoch, surroundings),
    DescribeLogDirs: everywhere(local.DescribeLogDirs, surroundings),
  }
}

function sharded<N extends SharedApi, T, P>(
  api: PartitionedApi<N, T, P>,
  local: Handler<N, RequestContext>,
  { topics, peers }: Surroundings,
): Handler<N, RequestContext> {
  return (request, context) => {
    const shares = split(api, request, topics)
    if (shares === null) return local(request, context)
    return answerShares(api, shares, local, topics.ownShard, peers, context)
  }
}

/** What all shards have in the data folder that is theirs together. Those of a shard that died are missing. */
function everywhere(
  local: Handler<'DescribeLogDirs', RequestContext>,
  { peers }: Surroundings,
): Handler<'DescribeLogDirs', RequestContext> {
  return async (request, context) => {
    const remote = peers.shards().map((shard) => peers.ask(shard, 'DescribeLogDirs', request, context).answer)
    const own = promised<'DescribeLogDirs'>(local(request, context))
    const answers = await Promise.all([own, ...remote])
    return mergedLogDirs(answers.filter((answer) => answer !== null))
  }
}

/** A produce request with acks=0 is answered only by the connection's end, when something went wrong. */
function shardedProduce(
  local: Handler<'Produce', RequestContext>,
  surroundings: Surroundings,
): Handler<'Produce', RequestContext> {
  const handler = sharded(partitionedProduce, local, surroundings)
  return (request, context) => {
    const answer = handler(request, context)
    if (request.acks !== 0 || !(answer instanceof Promise)) return answer
    return answer.then((response) => {
      if (response !== NO_RESPONSE && hasError(response)) {
        context.connection.close('a produce request with acks=0 failed')
      }
      return NO_RESPONSE
    })
  }
}

/** Records that came from other shards lie in memory that is this shard's now: it goes to the pool once they are sent. */
function shardedFetch(
  local: Handler<'Fetch', RequestContext>,
  surroundings: Surroundings,
): Handler<'Fetch', RequestContext> {
  const handler = sharded(partitionedFetch, local, surroundings)
  return (request, context) => {
    // Another shard's partitions are fetched from that shard: it is named in the answer.
    if (ReplicaServing.isReplicas(request, context)) return local(request, context)
    const answer = handler(request, context)
    if (!(answer instanceof Promise)) return answer
    return answer.then((response) => {
      if (response !== NO_RESPONSE) context.afterWritten(() => adoptRecords(response, surroundings.pool))
      return response
    })
  }
}

/** What another thread sent is a plain `Uint8Array`; what was read here is a `Buffer`, and has its own release. */
function adoptRecords(response: ResponseInputOf<'Fetch'>, pool: BufferPool): void {
  for (const { records } of fetchedPartitions(response)) {
    if (records === null || records.length === 0 || Buffer.isBuffer(records)) continue
    pool.give(Buffer.from(records.buffer as ArrayBuffer))
  }
}

async function answerShares<N extends SharedApi, T, P>(
  api: PartitionedApi<N, T, P>,
  shares: ReadonlyMap<number, RequestOf<N>>,
  local: Handler<N, RequestContext>,
  ownShard: number,
  peers: ShardPeers,
  context: RequestContext,
): Promise<ResponseInputOf<N>> {
  const hurries: (() => void)[] = []
  const hurryAll = (): void => {
    for (const hurry of hurries) hurry()
  }
  const answers = [...shares].map(async ([shard, share]) => {
    if (shard === ownShard) {
      const own = new ShareContext(context, context.connection)
      hurries.push(() => own.hurry())
      context.afterWritten(() => own.release())
      return promised<N>(local(share, own))
    }
    const remote = peers.ask(shard, api.name, share, context)
    hurries.push(remote.hurry)
    return (await remote.answer) ?? api.failed(share, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })
  if (api.parks) {
    context.onClosed(hurryAll)
    await Promise.race(answers)
    hurryAll()
  }
  return api.merge(await Promise.all(answers))
}

function hasError(response: ResponseInputOf<'Produce'>): boolean {
  return response.responses.some(({ partitionResponses }) =>
    partitionResponses.some(({ errorCode }) => errorCode !== ErrorCode.NONE),
  )
}
