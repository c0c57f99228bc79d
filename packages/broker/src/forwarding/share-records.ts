/**
 * Record bytes on their way between shards. Requests carry copies, because the originals lie in a connection's receive
 * memory; answers hand the memory itself over, which then belongs to the shard that asked.
 */
import { asBuffer, ownedCopy } from '@millrace/base'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { Moved } from '../thread/calls.ts'

type ProduceRequest = RequestOf<'Produce'>
type FetchResponse = ResponseInputOf<'Fetch'>
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

/** With a copy of each batch, to be transferred. */
export function copiedProduce(request: ProduceRequest): Moved<ProduceRequest> {
  const transfer: ArrayBuffer[] = []
  const topicData = mapBatches(request, (records) => {
    const copy = ownedCopy(records)
    transfer.push(copy.buffer as ArrayBuffer)
    return copy
  })
  return new Moved({ ...request, topicData }, transfer)
}

/** After the crossing a `Buffer` is a plain `Uint8Array`. */
export function receivedProduce(request: ProduceRequest): ProduceRequest {
  return { ...request, topicData: mapBatches(request, asBuffer) }
}

function mapBatches(request: ProduceRequest, map: (records: Buffer) => Buffer): ProduceRequest['topicData'] {
  return request.topicData.map((topic) => ({
    ...topic,
    partitionData: topic.partitionData.map(({ index, records }) => ({
      index,
      records: records === null ? null : map(records),
    })),
  }))
}

/** Hands the pooled memory of the records over. */
export function movedFetch(response: FetchResponse): Moved<FetchResponse> {
  const transfer: ArrayBuffer[] = []
  for (const { records } of fetchedPartitions(response)) {
    if (records !== null && records.length > 0) transfer.push(records.buffer as ArrayBuffer)
  }
  return new Moved(response, transfer)
}

export function* fetchedPartitions(response: FetchResponse): Generator<FetchedPartition> {
  for (const topic of response.responses) yield* topic.partitions
}
