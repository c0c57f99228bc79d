import { NO_NODE, offset } from '@millrace/base'
import type { LeaderEpoch, Uuid } from '@millrace/base'
import { ErrorCode, LateAnswer } from '@millrace/protocol'
import type { RequestOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { ReplicaServing } from '../../../src/replica/serving/replica-serving.ts'
import { TopicTable } from '../../../src/topics/topic-table.ts'
import { IMAGE, PartitionRig } from '../../partition/partition-rig.ts'
import { batchOf, valuesOf } from '../../support/batches.ts'
import { NODE } from '../../support/local-metadata.ts'
import { testQuota } from '../../support/test-quota.ts'
import { ShardFixture } from '../../support/shard-fixture.ts'
import { FOLLOWER, NativeConnection, TestRequest, TOPIC_ID } from './session-rig.ts'

type FetchRequest = RequestOf<'Fetch'>
type Asked = FetchRequest['topics'][number]['partitions'][number]

const OTHER_TOPIC_ID = 'bWlsbHJhY2UtYnJva2VyMg' as Uuid
const OTHER_SHARD_PORT = 9300

/** A shard that leads partition 0; another one has partition 1, and nobody partition 2. */
class ServingRig {
  readonly leader = new PartitionRig(
    { 'flush.policy': 'os' },
    { ...IMAGE, replicas: [NODE, FOLLOWER], isr: [NODE, FOLLOWER] },
  )
  readonly connection = new NativeConnection()
  readonly serving: ReplicaServing
  isDraining = false
  #nextFetchId = 1

  constructor() {
    const { time, pool, deadlines, partition } = this.leader
    const topics = new TopicTable(0)
    const slots = [partition, { shard: 1 }, { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }]
    topics.add({ name: 'flights', id: TOPIC_ID, slots })
    this.serving = new ReplicaServing({
      topics,
      pool,
      deadlines,
      quota: testQuota(time),
      timers: time,
      cluster: { ports: { brokerPort: 9092, clientPorts: [], shardPorts: [9200, OTHER_SHARD_PORT] } },
      responseBytesMax: 1 << 20,
      isDraining: () => this.isDraining,
    })
  }

  send(body: Partial<FetchRequest>, connection = this.connection): TestRequest {
    const context = new TestRequest(connection)
    const answer = this.serving.handle({ ...REQUEST, ...body }, context)
    if (answer instanceof LateAnswer) answer.whenGiven((given) => context.late.give(given))
    else context.late.give(answer)
    return context
  }

  /** The follower fetches partition 0 from `fetchOffset` on. */
  fetch(fetchOffset: number, connection = this.connection): TestRequest {
    const asked = this.ask(0, {
      fetchOffset: offset(fetchOffset),
      lastFetchedEpoch: epochBefore(fetchOffset),
    })
    return this.send({ topics: [{ topic: '', topicId: TOPIC_ID, partitions: [asked] }] }, connection)
  }

  ask(partition: number, changes: Partial<Asked> = {}): Asked {
    return { ...ASKED, partition, fetchId: this.#nextFetchId++, ...changes }
  }
}

const REQUEST: FetchRequest = {
  clusterId: null,
  replicaId: NO_NODE,
  replicaState: { replicaId: FOLLOWER, replicaEpoch: 1 },
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 1 << 20,
  isolationLevel: 0,
  sessionId: 0,
  sessionEpoch: -1,
  topics: [],
  forgottenTopicsData: [],
  rackId: '',
}

const ASKED: Asked = {
  partition: 0,
  currentLeaderEpoch: IMAGE.leaderEpoch,
  fetchOffset: offset(0),
  lastFetchedEpoch: -1 as LeaderEpoch,
  logStartOffset: offset(0),
  partitionMaxBytes: 1 << 20,
  replicaDirectoryId: OTHER_TOPIC_ID,
  highWatermark: offset(0),
  fetchId: -1,
}

function epochBefore(fetchOffset: number): LeaderEpoch {
  return fetchOffset === 0 ? (-1 as LeaderEpoch) : IMAGE.leaderEpoch
}

describe('fetches of a follower', () => {
  it("are those with a replica id on the native wire; by Kafka's wire nobody is a replica", () => {
    const [native, kafka] = [new NativeConnection(), new NativeConnection('kafka')].map(
      (connection) => new TestRequest(connection),
    )
    expect(ReplicaServing.isReplicas(REQUEST, native!)).toBe(true)
    expect(ReplicaServing.isReplicas(REQUEST, kafka!)).toBe(false)
    const consumers = { ...REQUEST, replicaState: { replicaId: NO_NODE, replicaEpoch: -1 } }
    expect(ReplicaServing.isReplicas(consumers, native!)).toBe(false)
  })

  it.each([
    [14, { replicaId: FOLLOWER }],
    [17, { replicaState: { replicaId: FOLLOWER, replicaEpoch: 1 } }],
  ])("are refused by Kafka's wire, as version %i has them", async (version, replica) => {
    await using fixture = await ShardFixture.open({ topics: { t: 1 } })
    const topicId = fixture.broker.metadata.image.topics.byName('t')!.id
    const partitions = [{ partition: 0, fetchOffset: offset(0), partitionMaxBytes: 1000 }]
    const body = { maxWaitMs: 10_000, minBytes: 1, topics: [{ topicId, partitions }], ...replica }
    const { responses } = await fixture.send('Fetch', body, { version })
    expect(responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })

  it('wait until there are records, and acknowledge by the next one what came', () => {
    const rig = new ServingRig()
    const first = rig.fetch(0)
    expect(first.answer).toBeNull()
    const append = rig.leader.append(batchOf(['a', 'b']))
    rig.leader.write()
    rig.leader.time.endTurn()
    const [told] = first.partitions!
    expect(told).toMatchObject({ partitionIndex: 0, errorCode: 0, fetchId: 1, highWatermark: 0 })
    expect(valuesOf(told!.records!)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ])
    expect(rig.leader.partition.highWatermark).toBe(0)
    first.written()
    rig.fetch(2)
    expect(rig.leader.partition.highWatermark).toBe(2)
    expect(append.endOffset).toBe(2)
  })

  it('are told at once which port has a partition of another shard, and what is not here at all', () => {
    const rig = new ServingRig()
    const partitions = [rig.ask(1), rig.ask(2), rig.ask(3)]
    const elsewhere = rig.send({
      topics: [
        { topic: '', topicId: TOPIC_ID, partitions },
        { topic: '', topicId: OTHER_TOPIC_ID, partitions: [rig.ask(0)] },
      ],
    })
    expect(elsewhere.partitions).toMatchObject([
      { fetchId: 1, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, shardPort: OTHER_SHARD_PORT },
      { fetchId: 2, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, shardPort: 0 },
      { fetchId: 3, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, shardPort: 0 },
      { fetchId: 4, errorCode: ErrorCode.UNKNOWN_TOPIC_ID, shardPort: 0 },
    ])
  })

  it('that wait are not answered for a connection that broke: the next one that asks gets the records', () => {
    const rig = new ServingRig()
    const gone = rig.fetch(0)
    gone.close()
    const next = rig.fetch(0, new NativeConnection())
    rig.leader.append(batchOf(['a']))
    rig.leader.write()
    rig.leader.time.endTurn()
    expect(gone.answer).toBeNull()
    expect(next.told).toMatchObject([[0, expect.any(Number)]])
  })

  it('end with their connection, whether or not anybody asks again', () => {
    const rig = new ServingRig()
    const gone = rig.fetch(0)
    gone.close()
    rig.leader.append(batchOf(['a']))
    rig.leader.write()
    rig.leader.time.endTurn()
    expect(gone.answer).toBeNull()
  })

  it('that were forgotten are not answered any more', () => {
    const rig = new ServingRig()
    const first = rig.fetch(0)
    rig.send({ forgottenTopicsData: [{ topic: '', topicId: TOPIC_ID, partitions: [0] }] })
    rig.leader.append(batchOf(['a']))
    rig.leader.write()
    rig.leader.time.endTurn()
    expect(first.answer).toBeNull()
  })

  it('are not parked on a shard that is about to stop, and those that are parked come back', () => {
    const rig = new ServingRig()
    const parked = rig.fetch(0)
    rig.isDraining = true
    rig.serving.drain()
    expect(parked.told).toEqual([])
    expect(rig.fetch(0).told).toEqual([])
  })

  it('end with a follower that stands still: its connection is closed, so that it knows', () => {
    const rig = new ServingRig()
    rig.fetch(0)
    rig.leader.time.advance(500)
    expect(rig.connection.closedBecause).toBeNull()
    rig.leader.time.advance(5000)
    expect(rig.connection.closedBecause).toMatch(/no longer asks/)
  })
})
