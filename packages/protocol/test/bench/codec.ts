/**
 * Nanoseconds a message costs to encode and decode, on both wires, for one topic with one partition and 1100 bytes of
 * records, which are referenced and never copied:
 *
 *     node --conditions=source packages/protocol/test/bench/codec.ts
 *
 * Each figure is the best of five rounds of 100,000 calls, with everything compiled and caches warm.
 */
import type { LeaderEpoch, Offset, Uuid } from '@millrace/base'
import type { ApiName, RequestInputOf, ResponseInputOf } from '../../src/apis.ts'
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
} from '../../src/kafka/frame.ts'
import {
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
} from '../../src/native/frame.ts'

const ROUNDS = 5
const CALLS = 100_000

const wires = {
  kafka: {
    encodeRequest: encodeKafkaRequest,
    decodeRequest: decodeKafkaRequest,
    encodeResponse: encodeKafkaResponse,
    decodeResponse: decodeKafkaResponse,
  },
  native: {
    encodeRequest: encodeNativeRequest,
    decodeRequest: decodeNativeRequest,
    encodeResponse: encodeNativeResponse,
    decodeResponse: decodeNativeResponse,
  },
}

const records = Buffer.alloc(1100, 1)
const header = { correlationId: 77, clientId: 'bench' }
const byName = { name: 'flights', topic: 'flights' }
const topicId = 'AbCdEfGhIjKlMnOpQrStUw' as Uuid

const produce: RequestInputOf<'Produce'> = {
  acks: -1,
  timeoutMs: 30_000,
  topicData: [{ ...byName, partitionData: [{ index: 0, records }] }],
}
const produced: ResponseInputOf<'Produce'> = {
  responses: [
    { ...byName, partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 123_456_789 as Offset }] },
  ],
}

function fetch(version: number): RequestInputOf<'Fetch'> {
  const partition = { partition: 0, fetchOffset: 123_456 as Offset, partitionMaxBytes: 1 << 20 }
  const partitions = [{ ...partition, currentLeaderEpoch: 3 as LeaderEpoch }]
  const topic = version > 12 ? { topicId, partitions } : { ...byName, partitions }
  return { maxWaitMs: 500, minBytes: 1, maxBytes: 1 << 20, topics: [topic] }
}

function fetched(version: number): ResponseInputOf<'Fetch'> {
  const end = 123_456 as Offset
  const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: end, lastStableOffset: end, records }]
  return { responses: [version > 12 ? { topicId, partitions } : { ...byName, partitions }] }
}

function nanoseconds(call: () => unknown): string {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < CALLS; i++) call()
    best = Math.min(best, Number(process.hrtime.bigint() - start) / CALLS)
  }
  return best.toFixed(0).padStart(6)
}

function measure<N extends ApiName>(
  wire: keyof typeof wires,
  api: N,
  version: number,
  request: RequestInputOf<N>,
  response: ResponseInputOf<N>,
): void {
  const { encodeRequest, decodeRequest, encodeResponse, decodeResponse } = wires[wire]
  const received = (chunks: Uint8Array[]) => Buffer.concat(chunks).subarray(4)
  const requestFrame = received(encodeRequest(api, version, header, request))
  const responseFrame = received(encodeResponse(api, version, 77, response))
  console.log(
    `${wire} ${api} v${version}`.padEnd(22),
    nanoseconds(() => decodeRequest(requestFrame)),
    nanoseconds(() => encodeResponse(api, version, 77, response)),
    nanoseconds(() => encodeRequest(api, version, header, request)),
    nanoseconds(() => decodeResponse(api, version, responseFrame)),
  )
}

console.log('ns'.padEnd(22), 'broker decode, encode; client encode, decode')
for (const version of [7, 11]) measure('kafka', 'Produce', version, produce, produced)
for (const version of [11, 17]) measure('kafka', 'Fetch', version, fetch(version), fetched(version))
measure('native', 'Produce', 11, produce, produced)
measure('native', 'Fetch', 17, fetch(17), fetched(17))
