import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_LEADER_EPOCH, offset, ZERO_UUID } from '@millrace/base'
import type { Offset, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf } from '@millrace/protocol'
import { split } from '../../src/forwarding/partitioned-api.ts'
import { partitionedFetch, partitionedProduce } from '../../src/forwarding/partitioned-apis.ts'
import { TopicTable } from '../../src/topics/topic-table.ts'

const OWN = 0
const SHARDS = 3

/** Topics t0 … t3 with partitions that lie on shards as given; −1: unavailable. This shard is number 0. */
function tableOf(topics: readonly (readonly number[])[]): TopicTable {
  const table = new TopicTable(OWN)
  for (const [index, shards] of topics.entries()) {
    const slots = shards.map((shard) =>
      shard < 0 ? { errorCode: ErrorCode.KAFKA_STORAGE_ERROR } : { shard },
    )
    table.add({ name: `t${index}`, id: `id-${index}` as Uuid, slots })
  }
  return table
}

type ProduceRequest = RequestOf<'Produce'>

function produceRequest(
  topics: readonly (readonly [topic: number, partitions: readonly number[]])[],
): ProduceRequest {
  return {
    transactionalId: null,
    acks: -1,
    timeoutMs: 100,
    topicData: topics.map(([topic, partitions]) => ({
      name: `t${topic}`,
      topicId: ZERO_UUID,
      partitionData: partitions.map((index) => ({ index, records: null })),
    })),
  }
}

const named = (request: ProduceRequest): string[] =>
  request.topicData.flatMap(({ name, partitionData }) => partitionData.map(({ index }) => `${name}-${index}`))

describe('split', () => {
  it('leaves a request whole that concerns no other shard, what does not exist included', () => {
    const table = tableOf([[OWN, OWN], [-1]])
    expect(
      split(
        partitionedProduce,
        produceRequest([
          [0, [0, 1, 7]],
          [1, [0]],
          [9, [0]],
        ]),
        table,
      ),
    ).toBeNull()
  })

  it('puts every partition into exactly one share, that of its shard, for any request', () => {
    const tables = fc.array(fc.array(fc.integer({ min: -1, max: SHARDS - 1 }), { maxLength: 5 }), {
      maxLength: 4,
    })
    const requests = fc.uniqueArray(fc.tuple(fc.nat(4), fc.uniqueArray(fc.nat(6), { maxLength: 5 })), {
      maxLength: 5,
      selector: ([topic]) => topic,
    })
    fc.assert(
      fc.property(tables, requests, (topics, asked) => {
        const request = produceRequest(asked)
        const shares = split(partitionedProduce, request, tableOf(topics)) ?? new Map([[OWN, request]])
        const all = [...shares.values()].flatMap(named)
        expect(all.toSorted()).toEqual(named(request).toSorted())
        for (const [shard, share] of shares) {
          for (const { name, partitionData } of share.topicData) {
            const ofTopic = topics[Number(name.slice(1))] ?? []
            for (const { index } of partitionData) expect(Math.max(OWN, ofTopic[index] ?? OWN)).toBe(shard)
          }
        }
      }),
    )
  })

  it('has the shards of an unanswered produce request answer, because one of them has the connection', () => {
    const request = { ...produceRequest([[0, [0, 1]]]), acks: 0 }
    const shares = split(partitionedProduce, request, tableOf([[OWN, 1]]))!
    expect([...shares.values()].map(({ acks }) => acks)).toEqual([1, 1])
  })
})

describe('merge', () => {
  it('makes one entry of a topic that several shards answered', () => {
    const responseOf = (index: number, baseOffset: number) => ({
      responses: [
        {
          name: 'flights',
          topicId: ZERO_UUID,
          partitionResponses: [{ index, errorCode: 0, baseOffset: offset(baseOffset) }],
        },
      ],
    })
    const { responses } = partitionedProduce.merge([responseOf(0, 10), responseOf(1, 20)])
    expect(responses).toHaveLength(1)
    expect(responses[0]!.partitionResponses.map(({ index, baseOffset }) => [index, baseOffset])).toEqual([
      [0, 10],
      [1, 20],
    ])
  })
})

describe('a fetch over several shards', () => {
  const request: RequestOf<'Fetch'> = {
    clusterId: null,
    replicaId: -1 as RequestOf<'Fetch'>['replicaId'],
    replicaState: { replicaId: -1 as RequestOf<'Fetch'>['replicaId'], replicaEpoch: -1 },
    maxWaitMs: 500,
    minBytes: 100,
    maxBytes: 1001,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    forgottenTopicsData: [],
    rackId: '',
    topics: [
      {
        topic: 't0',
        topicId: ZERO_UUID,
        partitions: [0, 1].map((partition) => ({
          partition,
          currentLeaderEpoch: NO_LEADER_EPOCH,
          fetchOffset: 0 as Offset,
          lastFetchedEpoch: NO_LEADER_EPOCH,
          logStartOffset: -1 as Offset,
          partitionMaxBytes: 1000,
          replicaDirectoryId: ZERO_UUID,
          highWatermark: -1 as Offset,
          fetchId: -1,
        })),
      },
    ],
  }

  it('never returns much more than it was allowed, and never waits for more than it asked for', () => {
    const shares = [...split(partitionedFetch, request, tableOf([[OWN, 1]]))!.values()]
    expect(shares.map(({ maxBytes }) => maxBytes)).toEqual([501, 501])
    expect(shares.map(({ minBytes }) => minBytes)).toEqual([50, 50])
  })

  it('tells of partitions whose shard died as errors, in every partition of that share', () => {
    const { responses } = partitionedFetch.failed(request, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(
      responses[0]!.partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
    ).toEqual([
      [0, ErrorCode.NOT_LEADER_OR_FOLLOWER],
      [1, ErrorCode.NOT_LEADER_OR_FOLLOWER],
    ])
  })
})
