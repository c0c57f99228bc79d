/**
 * Replicated partitions through everything that is decided on them, in any order: brokers that crash, stop and come back
 * with and without their disk, leaders that propose and refuse, stale and forged requests, operators that elect, reassign
 * and cancel, minimums that change. After every decision the oracle is asked.
 */
import { type LeaderEpoch, NO_NODE, type NodeId } from '@millrace/base'
import {
  ConfigResourceType,
  imageRecords,
  isAvailable,
  MetadataDelta,
  MetadataImage,
} from '@millrace/metadata'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { handleIncrementalAlterConfigs } from '../src/alter-configs.ts'
import { handleAlterPartitionReassignments } from '../src/alter-partition-reassignments.ts'
import { handleAlterPartition } from '../src/alter-partition.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { handleElectLeaders } from '../src/elect-leaders.ts'
import { balanceLeaders } from '../src/leader-balance.ts'
import { handleUnregisterBroker } from '../src/unregister-broker.ts'
import { createTopics, node, TestCluster, topic, uuid } from './cluster.ts'
import { type Licence, ReplicasOracle } from './replicas-oracle.ts'

const PARTITIONS = 2
/** `CONTROLLER_RUNS=20` for twenty times as many. */
const RUNS_FACTOR = Number(process.env['CONTROLLER_RUNS'] ?? 1)
const TIMEOUT_MS = 120_000 * RUNS_FACTOR
const runs = (count: number) => count * RUNS_FACTOR
const brokerIds = [1, 2, 3, 4]
const broker = fc.constantFrom(...brokerIds)
const partition = fc.nat(PARTITIONS - 1)
const someBrokers = fc.subarray(brokerIds, { minLength: 1 })
const kind = <const Kind extends string>(value: Kind) => fc.constant(value)
const mostly = <Value>(usual: Value, other: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, other)

const stepKinds = {
  register: fc.record({
    kind: kind('register'),
    broker,
    incarnation: fc.nat(1000),
    isClean: fc.boolean(),
    hasNewDisk: mostly(false, fc.boolean()),
  }),
  heartbeat: fc.record({
    kind: kind('heartbeat'),
    broker,
    wantFence: mostly(false, fc.boolean()),
    wantShutDown: mostly(false, fc.boolean()),
  }),
  crash: fc.record({ kind: kind('crash'), broker }),
  unregister: fc.record({ kind: kind('unregister'), broker }),
  alter: fc.record({
    kind: kind('alter'),
    partition,
    isr: someBrokers,
    by: mostly(null, broker),
    leaderEpochShift: mostly(0, fc.integer({ min: -1, max: 1 })),
    partitionEpochShift: mostly(0, fc.integer({ min: -1, max: 1 })),
    brokerEpochShift: mostly(0, fc.integer({ min: -1, max: 1 })),
    endsRecovery: fc.boolean(),
  }),
  refuse: fc.record({ kind: kind('refuse'), partition, reason: fc.integer({ min: 1, max: 4 }) }),
  elect: fc.record({ kind: kind('elect'), partition, electionType: fc.nat(1) }),
  reassign: fc.record({
    kind: kind('reassign'),
    partition,
    target: fc.shuffledSubarray(brokerIds, { minLength: 1 }),
  }),
  cancel: fc.record({ kind: kind('cancel'), partition }),
  balance: fc.record({ kind: kind('balance') }),
  configure: fc.record({
    kind: kind('configure'),
    entry: fc.constantFrom(
      ['min.insync.replicas', '1'],
      ['min.insync.replicas', '2'],
      ['min.insync.replicas', '3'],
      ['flush.policy', 'os'],
      ['flush.policy', 'commit'],
    ),
  }),
  allowUnclean: fc.record({ kind: kind('allowUnclean'), isAllowed: fc.boolean() }),
  acknowledge: fc.record({ kind: kind('acknowledge'), partition }),
}

type StepOf<Kind extends keyof typeof stepKinds> =
  (typeof stepKinds)[Kind] extends fc.Arbitrary<infer Value> ? Value : never
type Step = { [Kind in keyof typeof stepKinds]: StepOf<Kind> }[keyof typeof stepKinds]

const weights: Readonly<Record<keyof typeof stepKinds, number>> = {
  register: 6,
  heartbeat: 14,
  crash: 5,
  unregister: 1,
  alter: 14,
  refuse: 2,
  elect: 3,
  reassign: 2,
  cancel: 1,
  balance: 1,
  configure: 1,
  allowUnclean: 0,
  acknowledge: 8,
}

function stepsWith(changed: Partial<typeof weights> = {}): fc.Arbitrary<Step[]> {
  const all = Object.entries({ ...weights, ...changed }).map(([name, weight]) => ({
    weight,
    arbitrary: stepKinds[name as keyof typeof stepKinds] as fc.Arbitrary<Step>,
  }))
  return fc.array(fc.oneof(...all), { minLength: 30, maxLength: 150 })
}

class Model {
  readonly cluster = new TestCluster(brokerIds.map((id) => ({ id, logDirs: [uuid(7000 + id)] })))
  readonly oracle = new ReplicasOracle()
  #disks = 0
  #licence: Licence = {}

  constructor() {
    const assignments = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
      partitionIndex,
      brokerIds: [0, 1, 2].map((step) => node(1 + ((partitionIndex + step) % brokerIds.length))),
    }))
    const configs = [{ name: 'min.insync.replicas', value: '2' }]
    this.cluster.run(handleCreateTopics, createTopics([topic('t', { assignments, configs })]))
    this.#ask(MetadataImage.empty('cluster'))
  }

  take(step: Step): void {
    const before = this.cluster.image
    const elections = this.cluster.uncleanElections.length
    this.#licence = {}
    this.#take(step)
    this.#ask(before, elections)
  }

  /** What the topic is configured to. */
  config(name: string): string | undefined {
    return this.cluster.image.configs.forTopic('t').get(name)
  }

  partition(index: number) {
    return this.cluster.image.partition('t', index)!
  }

  #ask(before: MetadataImage, electionsBefore = 0): void {
    const { image, uncleanElections } = this.cluster
    const unclean = new Set(uncleanElections.slice(electionsBefore).map((election) => election.partition))
    for (let index = 0; index < PARTITIONS; index++) {
      const observed = {
        key: `t-${index}`,
        before: before.partition('t', index),
        after: this.partition(index),
      }
      this.oracle.check(observed, image, this.#minimum, unclean.has(index), this.#licence)
    }
  }

  get #minimum(): number {
    return Number(this.config('min.insync.replicas'))
  }

  #take(step: Step): void {
    const { cluster } = this
    switch (step.kind) {
      case 'register':
        return this.#register(step)
      case 'heartbeat':
        return void cluster.heartbeat(step.broker, step)
      case 'crash':
        return void cluster.fence({ brokerId: node(step.broker), brokerEpoch: this.#epochOf(step.broker) })
      case 'unregister':
        cluster.run(handleUnregisterBroker, { brokerId: node(step.broker) })
        return cluster.sessions.forget(node(step.broker))
      case 'alter':
        return this.#alter(step)
      case 'refuse':
        return this.#refuse(step)
      case 'acknowledge':
        return this.oracle.acknowledge(`t-${step.partition}`, this.partition(step.partition), this.#minimum)
      default:
        return this.#operate(step)
    }
  }

  #operate(step: StepOf<'elect' | 'reassign' | 'cancel' | 'balance' | 'configure' | 'allowUnclean'>): void {
    const { cluster } = this
    switch (step.kind) {
      case 'elect': {
        const topicPartitions = [{ topic: 't', partitions: [step.partition] }]
        const request = { electionType: step.electionType, topicPartitions, timeoutMs: 1 }
        return void cluster.run(handleElectLeaders, request)
      }
      case 'reassign':
        return this.#reassign(step.partition, step.target.map(node))
      case 'cancel':
        return this.#reassign(step.partition, null)
      case 'balance':
        return cluster.carryOut(balanceLeaders(cluster.context(), 0))
      case 'configure':
        return this.#configure(...(step.entry as [string, string]))
      case 'allowUnclean':
        return this.#configure('unclean.leader.election.enable', String(step.isAllowed))
    }
  }

  #register({ broker: id, incarnation, isClean, hasNewDisk }: StepOf<'register'>): void {
    const known = this.cluster.broker(id)
    const isLost = hasNewDisk || (!isClean && this.config('flush.policy') === 'os')
    if (hasNewDisk) this.#disks += 1
    const { errorCode = 0 } = this.cluster.register(id, {
      incarnationId: uuid(50_000 + id * 10_000 + incarnation),
      previousBrokerEpoch: isClean ? (known?.epoch ?? -1) : -1,
      logDirs: hasNewDisk ? [uuid(90_000 + this.#disks)] : [...(known?.logDirs ?? [uuid(95_000 + id)])],
    })
    if (errorCode !== 0 || this.cluster.broker(id)!.epoch === known?.epoch) return
    this.#licence = { givesUpReplicas: isLost || known === undefined }
    for (let index = 0; index < PARTITIONS; index++) {
      if (isLost) this.oracle.lose(`t-${index}`, node(id))
      expect(this.partition(index).leader, 'a new process leads nothing').not.toBe(id)
    }
  }

  /** What a leader asks, by and large; sometimes with epochs that are not, or by somebody else. */
  #alter(step: StepOf<'alter'>): void {
    const { image } = this.cluster
    const { leader, leaderEpoch, partitionEpoch, isr, replicas } = this.partition(step.partition)
    const by = step.by === null ? leader : node(step.by)
    const newIsr = step.isr.map((id) => ({
      brokerId: node(id),
      brokerEpoch: this.#epochOf(id) + (id === by ? 0 : step.brokerEpochShift),
    }))
    const mayJoin = (id: NodeId): boolean => {
      const registered = image.brokers.get(id)
      return (
        registered !== undefined &&
        isAvailable(registered) &&
        step.brokerEpochShift === 0 &&
        replicas.includes(id)
      )
    }
    const joiners = newIsr.map(({ brokerId }) => brokerId).filter((id) => !isr.includes(id) && mayJoin(id))
    const isCurrent = by === leader && step.leaderEpochShift === 0 && step.partitionEpochShift === 0
    this.#licence = { joiners: isCurrent ? joiners : [], givesUpReplicas: false }
    this.#askController(step.partition, by, {
      leaderEpoch: (leaderEpoch + step.leaderEpochShift) as LeaderEpoch,
      partitionEpoch: partitionEpoch + step.partitionEpochShift,
      newIsrWithEpochs: newIsr,
      leaderRecoveryState: step.endsRecovery ? 0 : this.partition(step.partition).leaderRecoveryState,
      leadershipRefusal: 0,
    })
    if (!isCurrent) expect(this.cluster.image, 'a request of another time changes nothing').toBe(image)
  }

  #refuse({ partition: index, reason }: StepOf<'refuse'>): void {
    const { leader, leaderEpoch } = this.partition(index)
    if (leader === NO_NODE) return
    if (reason !== 3) this.oracle.lose(`t-${index}`, leader)
    this.oracle.refuse(`t-${index}`, leader)
    this.#licence = { givesUpReplicas: true }
    const request = { partitionEpoch: -1, newIsrWithEpochs: [], leaderRecoveryState: 0 }
    this.#askController(index, leader, { ...request, leaderEpoch, leadershipRefusal: reason })
    expect(this.partition(index).leaderEpoch, 'it does not lead in this epoch').toBeGreaterThan(leaderEpoch)
  }

  #askController(
    partitionIndex: number,
    brokerId: NodeId,
    asked: {
      readonly leaderEpoch: LeaderEpoch
      readonly partitionEpoch: number
      readonly newIsrWithEpochs: { brokerId: NodeId; brokerEpoch: number }[]
      readonly leaderRecoveryState: number
      readonly leadershipRefusal: number
    },
  ): void {
    const { id: topicId } = this.cluster.image.topics.byName('t')!
    const partitions = [{ partitionIndex, newIsr: [], ...asked }]
    const topics = [{ topicId, partitions }]
    this.cluster.run(handleAlterPartition, { brokerId, brokerEpoch: this.#epochOf(brokerId), topics })
  }

  #reassign(partitionIndex: number, replicas: NodeId[] | null): void {
    this.#licence = { givesUpReplicas: true }
    const topics = [{ name: 't', partitions: [{ partitionIndex, replicas }] }]
    const request = { timeoutMs: 1, allowReplicationFactorChange: true, topics }
    this.cluster.run(handleAlterPartitionReassignments, request)
  }

  #configure(name: string, value: string): void {
    this.#licence = { givesUpReplicas: true }
    const configs = [{ name, configOperation: 0, value }]
    const resources = [{ resourceType: ConfigResourceType.TOPIC, resourceName: 't', configs }]
    this.cluster.run(handleIncrementalAlterConfigs, { resources, validateOnly: false })
  }

  #epochOf(id: number): number {
    return this.cluster.broker(id)?.epoch ?? -1
  }
}

/** Records of an image, replayed, give the same partitions. */
function checkReplay(image: MetadataImage): void {
  const replayed = new MetadataDelta(MetadataImage.empty('cluster'))
    .replayAll(imageRecords(image))
    .apply(image.position)
  expect(replayed.topics.byName('t')).toEqual(image.topics.byName('t'))
  for (const id of [...brokerIds, NO_NODE] as NodeId[]) {
    const found = (from: MetadataImage) =>
      [...(id === NO_NODE ? from.topics.leaderlessPartitions() : from.topics.candidatePartitions(id))]
        .map(({ partitionId }) => partitionId)
        .toSorted((a, b) => a - b)
    expect(found(image)).toEqual(found(replayed))
  }
}

test(
  'whatever happens, no clean election loses an acknowledged record, and epochs and ISRs keep their promises',
  () => {
    fc.assert(
      fc.property(stepsWith(), (steps) => {
        const model = new Model()
        for (const step of steps) model.take(step)
        checkReplay(model.cluster.image)
      }),
      { numRuns: runs(200) },
    )
  },
  TIMEOUT_MS,
)

test(
  'where unclean elections are allowed they are made, told, and make no other exception',
  () => {
    fc.assert(
      fc.property(stepsWith({ allowUnclean: 2 }), (steps) => {
        const model = new Model()
        for (const step of steps) model.take(step)
        checkReplay(model.cluster.image)
      }),
      { numRuns: runs(100) },
    )
  },
  TIMEOUT_MS,
)

test(
  'without an operator no election is unclean',
  () => {
    fc.assert(
      fc.property(stepsWith({ elect: 0 }), (steps) => {
        const model = new Model()
        for (const step of steps) model.take(step)
        expect(model.cluster.uncleanElections).toEqual([])
      }),
      { numRuns: runs(50) },
    )
  },
  TIMEOUT_MS,
)
