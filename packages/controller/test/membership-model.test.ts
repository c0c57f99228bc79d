/**
 * Brokers that start, stop, crash, come back, and are called gone wrongly, while topics are created and deleted, in any
 * order: after every decision the metadata keep what KIP-841 and KIP-903 promise.
 */
import { NO_NODE, type NodeId, type Offset, type Uuid } from '@millrace/base'
import { isAvailable, type MetadataImage, type PartitionImage } from '@millrace/metadata'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { handleCreatePartitions } from '../src/create-partitions.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { handleDeleteTopics } from '../src/delete-topics.ts'
import { handleUnregisterBroker } from '../src/unregister-broker.ts'
import { createTopics, node, TestCluster, topic, uuid } from './cluster.ts'

const brokerIds = [1, 2, 3, 4]
const broker = fc.constantFrom(...brokerIds)
const name = fc.constantFrom('a', 'b', 'c')

type Step =
  | {
      readonly kind: 'register'
      readonly broker: number
      readonly incarnation: number
      readonly clean: boolean
    }
  | {
      readonly kind: 'heartbeat'
      readonly broker: number
      readonly wantFence: boolean
      readonly wantShutDown: boolean
      /** How many offsets the broker has still to apply. */
      readonly behind: number
    }
  | { readonly kind: 'sessionEnds' | 'seemsGone' | 'unregister'; readonly broker: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'newController' }
  | { readonly kind: 'create'; readonly name: string; readonly partitions: number; readonly replicas: number }
  | { readonly kind: 'grow'; readonly name: string; readonly partitions: number }
  | { readonly kind: 'delete'; readonly name: string }

const kind = <K extends Step['kind']>(value: K) => fc.constant(value)
const mostly = (usual: boolean) => fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, fc.boolean())

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: kind('register'), broker, incarnation: fc.nat(5), clean: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: kind('heartbeat'),
      broker,
      wantFence: mostly(false),
      wantShutDown: mostly(false),
      behind: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(50)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('sessionEnds' as const, 'seemsGone' as const, 'unregister' as const),
      broker,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('pass'), ms: fc.nat(2500) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('newController') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind('create'),
      name,
      partitions: fc.integer({ min: 1, max: 3 }),
      replicas: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('grow'), name, partitions: fc.integer({ min: 2, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete'), name }) },
)

function take(step: Step, cluster: TestCluster): void {
  switch (step.kind) {
    case 'register': {
      const incarnationId = uuid(5000 + step.broker * 10 + step.incarnation)
      const previousBrokerEpoch = step.clean ? epochOf(step.broker, cluster) : -1
      return void cluster.register(step.broker, { incarnationId, previousBrokerEpoch })
    }
    case 'heartbeat':
      return heartbeat(step, cluster)
    case 'sessionEnds':
      return void cluster.fence(processOf(step.broker, cluster))
    case 'seemsGone':
      cluster.sessions.gone(processOf(step.broker, cluster), cluster.nowMs)
      return cluster.pass(0)
    case 'unregister':
      cluster.run(handleUnregisterBroker, { brokerId: node(step.broker) })
      return cluster.sessions.forget(node(step.broker))
    case 'pass':
      return cluster.pass(step.ms)
    case 'newController':
      return cluster.sessions.reset(cluster.image, cluster.nowMs)
    default:
      return changeTopics(step, cluster)
  }
}

function heartbeat(step: Extract<Step, { kind: 'heartbeat' }>, cluster: TestCluster): void {
  const { broker: id, wantFence, wantShutDown, behind } = step
  const currentMetadataOffset = Math.max(-1, cluster.image.position.lastOffset - behind) as Offset
  const { isFenced } = cluster.heartbeat(id, { wantFence, wantShutDown, currentMetadataOffset })
  if (isFenced !== undefined) expect(cluster.broker(id)!.fenced).toBe(isFenced)
}

function changeTopics(
  step: Extract<Step, { kind: 'create' | 'grow' | 'delete' }>,
  cluster: TestCluster,
): void {
  switch (step.kind) {
    case 'create': {
      const { name: created, partitions: numPartitions, replicas: replicationFactor } = step
      cluster.placementStart += 1
      return void cluster.run(
        handleCreateTopics,
        createTopics([topic(created, { numPartitions, replicationFactor })]),
      )
    }
    case 'grow': {
      const topics = [{ name: step.name, count: step.partitions, assignments: null }]
      return void cluster.run(handleCreatePartitions, { topics, timeoutMs: 1, validateOnly: false })
    }
    case 'delete':
      return void cluster.run(handleDeleteTopics, { topicNames: [step.name], topics: [], timeoutMs: 1 })
  }
}

const epochOf = (id: number, cluster: TestCluster) => cluster.broker(id)?.epoch ?? -1
const processOf = (id: number, cluster: TestCluster) => ({
  brokerId: node(id),
  brokerEpoch: epochOf(id, cluster),
})

function* partitionsOf(image: MetadataImage): IterableIterator<[Uuid, number, PartitionImage]> {
  for (const { id: topicId, partitions } of image.topics.values()) {
    for (const [index, partition] of partitions.entries()) yield [topicId, index, partition]
  }
}

function checkImage(image: MetadataImage): void {
  const { brokers } = image
  for (const [, , { leader, isr, replicas }] of partitionsOf(image)) {
    expect(isr.length, 'the ISR is never empty').toBeGreaterThan(0)
    for (const member of isr) expect(replicas).toContain(member)
    expect(new Set(isr).size).toBe(isr.length)
    if (leader === NO_NODE) {
      const waiting = isr.some((member) => brokers.has(member) && isAvailable(brokers.get(member)!))
      expect(waiting, 'a partition whose ISR has an available broker has a leader').toBe(false)
    } else {
      expect(isr).toContain(leader)
      expect(brokers.get(leader), 'a leader is registered').toBeDefined()
      expect(brokers.get(leader)!.fenced, 'a leader is not fenced').toBe(false)
    }
    const fenced = isr.filter((member) => brokers.get(member)?.fenced ?? true)
    if (fenced.length > 0) expect(isr.length, 'a fenced broker is only in an ISR as its last member').toBe(1)
  }
}

function checkChange(before: MetadataImage, after: MetadataImage): void {
  for (const [topicId, index, partition] of partitionsOf(after)) {
    const old = before.topics.byId(topicId)?.partitions[index]
    if (old === undefined || old === partition) continue
    expect(partition.partitionEpoch).toBeGreaterThan(old.partitionEpoch)
    const newLeader = partition.leader !== old.leader
    expect(partition.leaderEpoch).toBe(old.leaderEpoch + (newLeader ? 1 : 0))
    for (const member of partition.isr) expect(old.isr, 'no decision here lets anybody in').toContain(member)
    if (newLeader && partition.leader !== NO_NODE) {
      expect(isAvailable(after.brokers.get(partition.leader)!), 'a new leader is available').toBe(true)
    }
  }
  for (const [id, registration] of after.brokers) checkRegistration(before, after, id, registration)
}

function checkRegistration(
  before: MetadataImage,
  after: MetadataImage,
  id: NodeId,
  { epoch, fenced }: { readonly epoch: number; readonly fenced: boolean },
): void {
  const old = before.brokers.get(id)
  if (old?.epoch === epoch) return
  expect(epoch, 'the epoch is the offset of the registration').toBe(before.position.lastOffset + 1)
  if (old !== undefined) expect(epoch).toBeGreaterThan(old.epoch)
  expect(fenced, 'a new process is fenced').toBe(true)
  for (const { partition } of after.topics.candidatePartitions(id)) {
    expect(partition.leader, 'a new process leads nothing').not.toBe(id)
  }
}

test('whatever happens to brokers and topics, leaders are in sync and unfenced, ISRs only shrink, epochs rise', () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 20, maxLength: 120 }), (all) => {
      const cluster = new TestCluster(3)
      cluster.onChange = (before, after) => {
        checkImage(after)
        checkChange(before, after)
      }
      for (const step of all) take(step, cluster)
    }),
    { numRuns: 200 },
  )
})

test('whatever has happened, once every broker registers and runs again every partition has a leader', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80 }), (all) => {
      const cluster = new TestCluster(3)
      for (const step of all) take(step, cluster)
      cluster.pass(2000)
      for (const id of brokerIds) {
        cluster.register(id, { incarnationId: uuid(6000 + id) })
        cluster.heartbeat(id)
      }
      for (const [, , { leader }] of partitionsOf(cluster.image)) expect(leader).not.toBe(NO_NODE)
    }),
    { numRuns: 100 },
  )
})
