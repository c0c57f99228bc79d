import {
  type CloseReason,
  DiskError,
  type Net,
  type NodeId,
  type Offset,
  seededRng,
  type Uuid,
} from '@millrace/base'
import type { ControllerConfig } from '@millrace/controller'
import { ConfigTable, topicDefaultKeys } from '@millrace/metadata'
import { ErrorCode, type RequestOf } from '@millrace/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { LoopbackNet } from '../../../net/test/virtual/loopback-net.ts'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { ActiveController } from '../../src/controller/active-controller.ts'
import { FakeQuorum } from './fake-quorum.ts'

const CONTROLLER = 101 as NodeId
const SESSION_MS = 2000
const BALANCE_MS = 300_000
const context = { clientId: 'test', apiVersion: 7 }
const decisions: ControllerConfig = {
  nodeId: CONTROLLER,
  defaultPartitions: 1,
  defaultReplicationFactor: 1,
  partitionsPerRequestMax: 10_000,
  brokerKeys: new ConfigTable(topicDefaultKeys),
  staticEntries: new Map(),
}

let world: VirtualWorld
let loopback: LoopbackNet
let quorum: FakeQuorum
let controller: ActiveController
/** What dialling ends with instead of an answer. */
let silence: CloseReason | null
/** How far the clock is ahead of the timers. */
let heldUpMs: number

beforeEach(() => {
  world = new VirtualWorld()
  loopback = new LoopbackNet(world)
  quorum = new FakeQuorum(CONTROLLER)
  const rng = seededRng(1)
  let byte = 0
  const entropy = { bytes: (length: number) => new Uint8Array(length).fill((byte += 1)) }
  const { timers, log } = world
  silence = null
  heldUpMs = 0
  const clock = { ...world.clock, monoMs: () => world.clock.monoMs() + heldUpMs }
  const net: Net = {
    listen: loopback.net.listen,
    dial(endpoint, events) {
      if (silence === null) return loopback.net.dial(endpoint, events)
      const reason = silence
      world.schedule(() => events.onClose(reason))
      return loopback.connect(endpoint, { onData() {}, onClose() {} })
    },
  }
  controller = new ActiveController({
    env: { clock, timers, log, rng, entropy, net },
    nodeId: CONTROLLER,
    quorum,
    decisions,
    sessionTimeoutMs: SESSION_MS,
    propagationTimeoutMs: 5000,
    leaderBalance: { isEnabled: true, intervalMs: BALANCE_MS, imbalancePercentage: 10 },
  })
  controller.start()
})

const portOf = (id: number): number => 9000 + id

function registration(id: number, incarnation = `incarnation-${id}`): RequestOf<'BrokerRegistration'> {
  return {
    brokerId: id as NodeId,
    clusterId: 'cluster',
    incarnationId: Buffer.from(incarnation.padEnd(16).slice(0, 16)).toString('base64url') as Uuid,
    listeners: [{ name: 'PLAINTEXT', host: '127.0.0.1', port: portOf(id), securityProtocol: 0 }],
    features: [],
    rack: null,
    isMigratingZkBroker: false,
    logDirs: [],
    previousBrokerEpoch: -1,
  }
}

function heartbeat(id: number, wantShutDown = false): RequestOf<'BrokerHeartbeat'> {
  const brokerId = id as NodeId
  return {
    brokerId,
    brokerEpoch: quorum.latestImage.brokers.get(brokerId)!.epoch,
    currentMetadataOffset: quorum.latestImage.position.lastOffset,
    wantFence: false,
    wantShutDown,
    offlineLogDirs: [],
  }
}

const beat = (id: number) => controller.request('BrokerHeartbeat', heartbeat(id), context)

/** Registered, caught up, unfenced. */
async function join(...ids: number[]): Promise<void> {
  for (const id of ids) {
    await controller.request('BrokerRegistration', registration(id), context)
    await beat(id)
    expect(quorum.latestImage.brokers.get(id as NodeId)!.fenced).toBe(false)
  }
}

function creation(name: string): RequestOf<'CreateTopics'> {
  const topic = { name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }
  return { topics: [topic], timeoutMs: 1000, validateOnly: false }
}

async function create(name: string): Promise<number | undefined> {
  const { topics } = await controller.request('CreateTopics', creation(name), context)
  return topics[0]!.errorCode
}

const isFenced = (id: number) => quorum.image.brokers.get(id as NodeId)!.fenced

/** Whether a promise has an outcome when everything that can happen now has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.finally(() => (settled = true))
  await world.settle()
  return settled
}

/** Keeps sessions alive while time passes. */
async function beatFor(ms: number, ...ids: number[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 400) {
    await world.advance(400)
    for (const id of ids) await beat(id)
  }
}

describe('a controller that is not active', () => {
  test('refuses every request at once', async () => {
    expect(await create('t')).toBe(ErrorCode.NOT_CONTROLLER)
    const registered = await controller.request('BrokerRegistration', registration(1), context)
    expect(registered.errorCode).toBe(ErrorCode.NOT_CONTROLLER)
    expect(quorum.appended).toEqual([])
  })

  test('begins a new metadata log with its level, and only a new one', async () => {
    quorum.elect()
    expect(quorum.appended.map(([record]) => record!.type)).toEqual(['FeatureLevelRecord'])
    quorum.depose()
    quorum.elect()
    expect(quorum.appended.length).toBe(1)
  })
})

describe('a decision', () => {
  beforeEach(async () => {
    quorum.elect()
    await join(1, 2)
  })

  test('is answered when it is committed', async () => {
    quorum.commits = false
    const created = create('t')
    expect(await isSettled(created)).toBe(false)
    quorum.commit()
    expect(await created).toBe(ErrorCode.NONE)
    expect(quorum.image.topics.byName('t')?.partitions.length).toBe(3)
  })

  test('is made on everything that was decided before, committed or not', async () => {
    quorum.commits = false
    const answers = Array.from({ length: 20 }, () => create('same'))
    quorum.commit()
    const codes = await Promise.all(answers)
    expect(codes.filter((code) => code === ErrorCode.NONE).length).toBe(1)
    expect(codes.filter((code) => code === ErrorCode.TOPIC_ALREADY_EXISTS).length).toBe(19)
  })

  test('that found nothing to do is answered no sooner than what it found is committed', async () => {
    quorum.commits = false
    const created = create('t')
    const again = create('t')
    expect(await isSettled(again)).toBe(false)
    quorum.commit()
    expect(await again).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
    await created
  })

  test('whose commit is lost in an election is answered with an unknown outcome, not with "try another"', async () => {
    quorum.commits = false
    const created = create('t')
    quorum.depose()
    expect(await created).toBe(ErrorCode.REQUEST_TIMED_OUT)
    expect(await create('t')).toBe(ErrorCode.NOT_CONTROLLER)
  })

  test('that found something of a lost commit is answered with "try another": nothing of it was done', async () => {
    quorum.commits = false
    const created = create('t')
    const again = create('t')
    quorum.depose()
    await created
    expect(await again).toBe(ErrorCode.NOT_CONTROLLER)
  })

  test('of a controller that is elected again builds on what was committed', async () => {
    quorum.commits = false
    const lost = create('lost')
    quorum.depose()
    await lost
    quorum.commits = true
    quorum.elect()
    expect(await create('lost')).toBe(ErrorCode.NONE)
  })
})

describe('the answer to a creation', () => {
  beforeEach(async () => {
    quorum.elect()
    await join(1, 2)
    quorum.applies = false
  })

  test('waits for every live broker to apply it', async () => {
    const created = create('t')
    expect(await isSettled(created)).toBe(false)
    const lastOffset = quorum.image.position.lastOffset
    expect(quorum.waits.map(({ offset, broker, timeoutMs }) => [offset, broker, timeoutMs])).toEqual([
      [lastOffset, 1, 1000],
      [lastOffset, 2, 1000],
    ])
    quorum.waits[0]!.resolve(true)
    expect(await isSettled(created)).toBe(false)
    quorum.waits[1]!.resolve(true)
    expect(await created).toBe(ErrorCode.NONE)
  })

  test('comes when the time is up: the topic is there, whoever has not seen it will', async () => {
    const created = create('t')
    await world.settle()
    for (const { resolve } of quorum.waits) resolve(false)
    expect(await created).toBe(ErrorCode.NONE)
  })

  test('waits no longer for a broker that is fenced meanwhile', async () => {
    const created = create('t')
    await world.settle()
    quorum.waits[0]!.resolve(true)
    await beatFor(2 * SESSION_MS, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
    expect(await created).toBe(ErrorCode.NONE)
  })

  test('waits for nobody once another node is the controller', async () => {
    const created = create('t')
    await world.settle()
    quorum.depose()
    expect(await created).toBe(ErrorCode.NONE)
  })
})

describe('the session of a broker', () => {
  beforeEach(async () => {
    quorum.elect()
    await join(1, 2)
    listenAs(1)
    listenAs(2)
  })

  test('ends after its time without a heartbeat, and fences the broker once', async () => {
    await beatFor(3 * SESSION_MS, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
    const fencings = quorum.appended.flat().filter(({ type }) => type === 'BrokerRegistrationChangeRecord')
    // Two unfencings when they joined.
    expect(fencings.length).toBe(3)
  })

  test('begins again with a heartbeat, which unfences the broker', async () => {
    await beatFor(2 * SESSION_MS, 1)
    await beat(2)
    expect(isFenced(2)).toBe(false)
    await beatFor(2 * SESSION_MS, 1)
    expect(isFenced(2)).toBe(true)
  })

  test('ends again after another session when the fencing could not be stored', async () => {
    const append = quorum.append.bind(quorum)
    quorum.append = () => Promise.reject(new DiskError('ENOSPC', '/data', 'write'))
    await beatFor(SESSION_MS + 400, 1)
    expect(isFenced(2)).toBe(false)
    quorum.append = append
    await beatFor(SESSION_MS + 400, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test('is that of the process before when a registration could not be stored', async () => {
    const append = quorum.append.bind(quorum)
    quorum.append = () => Promise.reject(new DiskError('ENOSPC', '/data', 'write'))
    await beatFor(SESSION_MS + 400, 1)
    const second = await controller.request('BrokerRegistration', registration(2, 'other'), context)
    expect(second.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    quorum.append = append
    await beatFor(2 * SESSION_MS, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test('is whole under a new controller, however long the election took', async () => {
    await beatFor(1600, 1, 2)
    quorum.depose()
    await world.advance(10 * SESSION_MS)
    quorum.elect()
    await world.advance(SESSION_MS - 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, false])
    await world.advance(2)
    expect([isFenced(1), isFenced(2)]).toEqual([true, true])
  })

  test('does not end because the controller itself was held up', async () => {
    await beatFor(1600, 1, 2)
    // As after SIGCONT: the timer fires long after it was due, before the heartbeats that wait in the sockets are read.
    heldUpMs = 10 * SESSION_MS
    await world.advance(SESSION_MS)
    expect([isFenced(1), isFenced(2)]).toEqual([false, false])
    await beatFor(2 * SESSION_MS, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test("is nobody's business for a controller that is not active", async () => {
    quorum.depose()
    await world.advance(10 * SESSION_MS)
    expect(world.pendingTimers).toBe(0)
  })

  test('keeps a second process of the same id out', async () => {
    const second = await controller.request('BrokerRegistration', registration(1, 'other'), context)
    expect(second.errorCode).toBe(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
  })

  test('is not needed for a heartbeat to be answered while other changes wait for their commit', async () => {
    quorum.commits = false
    const created = create('t')
    expect(await beat(1)).toMatchObject({ isFenced: false })
    quorum.commit()
    await created
  })
})

const closers = new Map<number, { close(): void }>()

function listenAs(id: number): void {
  const events = { onData() {}, onClose() {} }
  const handlers = { onReady() {}, onError() {}, onConnection: () => events }
  closers.set(id, loopback.net.listen({ host: '127.0.0.1', port: portOf(id) }, handlers))
}

describe('fast fencing', () => {
  beforeEach(async () => {
    quorum.elect()
    await join(1, 2)
    listenAs(1)
    listenAs(2)
    await world.settle()
  })

  test('fences a broker whose connection closed and whose port refuses twice, long before its session ends', async () => {
    closers.get(2)!.close()
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(29)
    expect(isFenced(2)).toBe(false)
    await world.advance(2)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test('does not fence a broker that lost its connection and still listens', async () => {
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(100)
    expect(isFenced(2)).toBe(false)
  })

  test('fences a broker whose port still accepted for a moment after its connection had closed', async () => {
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(10)
    closers.get(2)!.close()
    await world.advance(80)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test('does not fence a broker that listens again at the second attempt', async () => {
    closers.get(2)!.close()
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(20)
    listenAs(2)
    await world.advance(100)
    expect(isFenced(2)).toBe(false)
  })

  test.each(['unreachable', 'timeout', 'reset', 'eof'] as const)(
    'leaves a broker to its session when dialling it ends with "%s"',
    async (reason) => {
      closers.get(2)!.close()
      silence = reason
      controller.onBrokerDisconnected(2 as NodeId)
      await world.advance(1000)
      expect(isFenced(2)).toBe(false)
    },
  )

  test('believes a broker whose port refuses but that goes on sending heartbeats', async () => {
    closers.get(2)!.close()
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(31)
    expect(isFenced(2)).toBe(true)
    await beat(2)
    expect(isFenced(2)).toBe(false)
    // The next guess has to stand for a while, and a heartbeat in that time refutes it.
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(31)
    await beat(2)
    await world.advance(200)
    expect(isFenced(2)).toBe(false)
  })

  test('finds brokers that ended together with the controller before, once they have been silent for a while', async () => {
    quorum.depose()
    closers.get(2)!.close()
    quorum.elect()
    await beatFor(800, 1)
    expect(isFenced(2)).toBe(false)
    await beatFor(400, 1)
    expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  })

  test('does not fence brokers that send heartbeats and can not be reached where clients reach them', async () => {
    quorum.depose()
    closers.get(1)!.close()
    closers.get(2)!.close()
    quorum.elect()
    await beatFor(2 * SESSION_MS, 1, 2)
    expect([isFenced(1), isFenced(2)]).toEqual([false, false])
  })

  test('fences nobody any more when another node became the controller meanwhile', async () => {
    closers.get(2)!.close()
    controller.onBrokerDisconnected(2 as NodeId)
    await world.advance(10)
    quorum.depose()
    await world.advance(100)
    expect(isFenced(2)).toBe(false)
  })
})

test('an unregistered broker is gone, and nothing waits for it', async () => {
  quorum.elect()
  await join(1, 2)
  quorum.applies = false
  const created = create('t')
  await world.settle()
  quorum.waits.find(({ broker }) => broker === 1)!.resolve(true)
  const unregistered = controller.request('UnregisterBroker', { brokerId: 2 as NodeId }, context)
  await world.settle()
  for (const { broker, resolve } of quorum.waits) if (broker === 1) resolve(true)
  expect(await created).toBe(ErrorCode.NONE)
  expect((await unregistered).errorCode ?? 0).toBe(ErrorCode.NONE)
  expect(quorum.image.brokers.has(2 as NodeId)).toBe(false)
})

test('a shutdown in order ends with a fenced broker', async () => {
  quorum.elect()
  await join(1, 2)
  for (let i = 0; i < 5; i++) {
    const answer = await controller.request('BrokerHeartbeat', heartbeat(2, true), context)
    await beat(1)
    if (answer.shouldShutDown === true) break
  }
  expect([isFenced(1), isFenced(2)]).toEqual([false, true])
  expect(quorum.image.position.lastOffset).toBeGreaterThan(0 as Offset)
})

describe('leaders', () => {
  const partition = () => quorum.image.partition('t', 0)!

  /** Replicas 1 and 2, and the log as it says that only 1 is in sync. */
  async function createReplicated(): Promise<void> {
    quorum.elect()
    await join(1, 2)
    const assignments = [{ partitionIndex: 0, brokerIds: [1, 2] as NodeId[] }]
    const topic = { name: 't', numPartitions: -1, replicationFactor: -1, assignments, configs: [] }
    await controller.request('CreateTopics', { topics: [topic], timeoutMs: 0, validateOnly: false }, context)
  }

  function alter(leader: number, ...isr: number[]) {
    const { leaderEpoch, partitionEpoch } = partition()
    const { id: topicId } = quorum.image.topics.byName('t')!
    const epochOf = (id: number) => quorum.latestImage.brokers.get(id as NodeId)!.epoch
    const asked = {
      partitionIndex: 0,
      leaderEpoch,
      newIsr: [],
      newIsrWithEpochs: isr.map((id) => ({ brokerId: id as NodeId, brokerEpoch: epochOf(id) })),
      leaderRecoveryState: 0,
      partitionEpoch,
      leadershipRefusal: 0,
    }
    const topics = [{ topicName: 't', topicId, partitions: [asked] }]
    const request = { brokerId: leader as NodeId, brokerEpoch: epochOf(leader), topics }
    return controller.request('AlterPartition', request, context)
  }

  test('go back to preferred replicas that are in sync again, when it is time to look', async () => {
    await createReplicated()
    await controller.request('BrokerHeartbeat', { ...heartbeat(1), wantFence: true }, context)
    await beat(1)
    expect(partition()).toMatchObject({ leader: 2, isr: [2] })
    await beatFor(BALANCE_MS, 1, 2)
    expect(partition(), 'it is not in sync').toMatchObject({ leader: 2 })
    await alter(2, 2, 1)
    await beatFor(BALANCE_MS, 1, 2)
    expect(partition()).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [2, 1] })
  })

  test('that an operator lets lead although they may lack records are counted and logged', async () => {
    await createReplicated()
    await alter(1, 1)
    await controller.request('BrokerHeartbeat', { ...heartbeat(1), wantFence: true }, context)
    const topicPartitions = [{ topic: 't', partitions: [0] }]
    const request = { electionType: 1, topicPartitions, timeoutMs: 0 }
    expect(controller.uncleanElections).toBe(0)
    await controller.request('ElectLeaders', request, context)
    expect(partition()).toMatchObject({ leader: 2, isr: [2], leaderRecoveryState: 1 })
    expect(controller.uncleanElections).toBe(1)
    const errors = world.lines.filter(({ level }) => level === 'error')
    expect(errors.map(({ fields }) => fields)).toEqual([
      { topic: 't', partition: 0, leader: 2, leaderEpoch: 2 },
    ])
  })
})

test('a block of producer ids that is not committed is not given', async () => {
  quorum.elect()
  await join(1)
  const brokerEpoch = quorum.latestImage.brokers.get(1 as NodeId)!.epoch
  const request = { brokerId: 1 as NodeId, brokerEpoch }
  const first = await controller.request('AllocateProducerIds', request, context)
  expect(first).toMatchObject({ producerIdStart: 0, producerIdLen: 1000 })
  quorum.commits = false
  const lost = controller.request('AllocateProducerIds', request, context)
  expect(await isSettled(lost)).toBe(false)
  quorum.depose()
  expect((await lost).errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT)
})
