import { nodeId, randomUuid } from '@millrace/base'
import type { Offset, Uuid } from '@millrace/base'
import { nodeEntropy, silentLog } from '@millrace/base/node'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import type { AskOptions, Outcome } from '../../src/controller/controller-route.ts'
import type { ControllerApi } from '../../src/controller-channel.ts'
import { BrokerRegistrationError, BrokerStoppedError } from '../../src/lifecycle/broker-registration-error.ts'
import { BrokerLifecycle } from '../../src/lifecycle/broker-lifecycle.ts'
import { testConfig } from '../support/config.ts'
import { FakeQuorum } from '../support/fake-quorum.ts'
import { LocalMetadata, NODE } from '../support/local-metadata.ts'
import { microtasks, VirtualTime } from '../support/virtual-time.ts'

type Registration = RequestOf<'BrokerRegistration'>
type Heartbeat = RequestOf<'BrokerHeartbeat'>
type Answer = Outcome<ControllerApi>

const LISTENER = { name: 'PLAINTEXT', host: 'here', port: 9092, securityProtocol: 0 }
const HEARTBEAT_MS = 400
const SESSION_MS = 2000

class Halted extends Error {}

class Rig {
  readonly time = new VirtualTime()
  readonly quorum = new FakeQuorum()
  readonly metadata = new LocalMetadata()
  readonly registrations: Registration[] = []
  readonly heartbeats: (Heartbeat & { readonly atMs: number })[] = []
  readonly timeouts: number[] = []
  readonly lines: string[] = []
  /** Each time its session was over, or not any more. */
  readonly sessions: boolean[] = []
  readonly lifecycle: BrokerLifecycle
  closed = false
  /** Answers both kinds of request: by default as the controller of `metadata` does. */
  answer: (api: ControllerApi) => Answer | Promise<Answer> | null = () => null

  constructor() {
    const note = (fields: object, message: string): void =>
      void this.lines.push(`${message} ${JSON.stringify(fields)}`)
    this.lifecycle = new BrokerLifecycle({
      env: {
        clock: this.time,
        timers: this.time,
        entropy: nodeEntropy,
        log: { ...silentLog, warn: note },
        host: {
          halt(reason) {
            throw new Halted(reason)
          },
        },
      },
      config: testConfig('/nowhere'),
      identity: { directoryId: randomUuid(nodeEntropy), previousBrokerEpoch: 7 },
      quorum: this.quorum,
      onSession: (isOver) => void this.sessions.push(isOver),
      controller: {
        request: (api, body, options) => this.#onRequest(api, body, options),
        close: () => void (this.closed = true),
      },
    })
    this.metadata.subscribe(({ image }) => {
      this.lifecycle.onImage(image)
      this.lifecycle.onApplied(image.position.lastOffset)
    })
  }

  register(): Promise<void> {
    return this.lifecycle.register([LISTENER])
  }

  /** Registered, unfenced. */
  async run(): Promise<void> {
    await this.register()
    await this.lifecycle.unfence()
    await microtasks()
  }

  /** Lets time pass in steps, with what happens in between. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await microtasks()
      this.time.advance(stepMs)
    }
    await microtasks()
  }

  async #onRequest<N extends ControllerApi>(
    api: N,
    body: RequestOf<N>,
    { timeoutMs }: AskOptions,
  ): Promise<Outcome<N>> {
    this.timeouts.push(timeoutMs)
    if (api === 'BrokerRegistration') this.registrations.push(body as Registration)
    else this.heartbeats.push({ ...(body as Heartbeat), atMs: this.time.monoMs() })
    const answer = await this.answer(api)
    if (answer !== null) return answer as Outcome<N>
    return { kind: 'answered', response: await this.metadata.request(api, body) }
  }
}

const refused = (errorCode: number): Answer => ({ kind: 'answered', response: { errorCode } })
const notSent: Answer = { kind: 'not-sent', reason: 'no controller is known' }
const lost: Answer = { kind: 'unknown', reason: 'the connection was reset' }

/** What a promise came to, when it has. */
function outcomeOf(promise: Promise<unknown>): { value: unknown } {
  const outcome = { value: 'pending' as unknown }
  promise.then(
    () => (outcome.value = 'done'),
    (error: unknown) => (outcome.value = error),
  )
  return outcome
}

describe('registration', () => {
  it('says who, where and since when, and is done once the metadata has it', async () => {
    const rig = new Rig()
    await rig.register()
    expect(rig.registrations).toMatchObject([
      {
        brokerId: NODE,
        clusterId: 'test-cluster',
        incarnationId: rig.lifecycle.incarnationId,
        listeners: [LISTENER],
        previousBrokerEpoch: 7,
      },
    ])
    expect(rig.lifecycle.state).toBe('recovering')
    expect(rig.lifecycle.brokerEpoch).toBe(0)
  })

  it('waits for the metadata to come as far as the registration', async () => {
    const rig = new Rig()
    rig.answer = (api) =>
      api === 'BrokerRegistration' ? { kind: 'answered', response: { brokerEpoch: 5 } } : refused(0)
    const registered = outcomeOf(rig.register())
    await rig.pass(1000)
    expect([registered.value, rig.lifecycle.state]).toEqual(['pending', 'catching-up'])
    rig.metadata.register(nodeId(2))
    await microtasks()
    expect(registered.value).toBe('pending')
    rig.metadata.register(NODE, { incarnationId: rig.lifecycle.incarnationId, fenced: true })
    await microtasks()
    expect([registered.value, rig.lifecycle.state]).toEqual(['done', 'recovering'])
  })

  it('waits for a controller for ever, ever more slowly, and says so now and then', async () => {
    const rig = new Rig()
    rig.answer = () => notSent
    const registered = outcomeOf(rig.register())
    await rig.pass(60_000, 100)
    expect(registered.value).toBe('pending')
    expect(rig.registrations.length).toBeGreaterThan(50)
    expect(rig.registrations.length).toBeLessThan(80)
    expect(rig.lines.length).toBeGreaterThanOrEqual(5)
    expect(rig.lines.length).toBeLessThanOrEqual(7)
    expect(rig.lines[0]).toContain('no controller is known')
    rig.answer = () => null
    await rig.pass(1000)
    expect(registered.value).toBe('done')
  })

  it('goes out again at once when a leader is elected', async () => {
    const rig = new Rig()
    rig.answer = () => notSent
    const registered = outcomeOf(rig.register())
    await rig.pass(20_000, 100)
    rig.answer = () => null
    rig.quorum.elect(nodeId(101))
    await microtasks()
    expect(registered.value).toBe('done')
  })

  it('counts also when its answer was lost', async () => {
    const rig = new Rig()
    const registered = outcomeOf(rig.register())
    rig.answer = (api) => (api === 'BrokerRegistration' ? lost : null)
    await rig.pass(100)
    rig.metadata.register(NODE, { incarnationId: rig.lifecycle.incarnationId, fenced: true })
    await microtasks()
    expect(registered.value).toBe('done')
  })

  it('is tried again while another process has the place, until its session must have ended', async () => {
    const rig = new Rig()
    rig.answer = () => refused(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
    const registered = outcomeOf(rig.register())
    await rig.pass(SESSION_MS)
    expect(registered.value).toBe('pending')
    await rig.pass(2 * SESSION_MS + 1000)
    expect(registered.value).toBeInstanceOf(BrokerRegistrationError)
    expect(registered.value).toMatchObject({ code: 'DUPLICATE_BROKER_REGISTRATION' })
    expect((registered.value as Error).message).toContain('broker 1')
    expect([rig.lifecycle.state, rig.closed, rig.time.pendingTimers]).toEqual(['stopped', true, 0])
  })

  it('does not count a pause of this process as time in which the other session must have ended', async () => {
    const rig = new Rig()
    rig.answer = () => refused(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
    const registered = outcomeOf(rig.register())
    await rig.pass(100)
    const pauseMs = 3 * SESSION_MS
    await rig.pass(pauseMs, pauseMs)
    await rig.pass(SESSION_MS)
    expect(registered.value).toBe('pending')
    rig.answer = () => null
    await rig.pass(1000)
    expect(registered.value).toBe('done')
  })

  it('succeeds when the session of the process before ends', async () => {
    const rig = new Rig()
    rig.answer = () => refused(ErrorCode.DUPLICATE_BROKER_REGISTRATION)
    const registered = outcomeOf(rig.register())
    await rig.pass(SESSION_MS)
    rig.answer = () => null
    await rig.pass(1000)
    expect(registered.value).toBe('done')
  })

  it.each(['INCONSISTENT_CLUSTER_ID', 'INVALID_REGISTRATION', 'CLUSTER_AUTHORIZATION_FAILED'] as const)(
    'ends with a clear error on %s',
    async (code) => {
      const rig = new Rig()
      rig.answer = () => refused(ErrorCode[code])
      await expect(rig.register()).rejects.toMatchObject({ name: 'BrokerRegistrationError', code })
      expect(rig.registrations).toHaveLength(1)
    },
  )

  it.each([ErrorCode.NOT_CONTROLLER, ErrorCode.REQUEST_TIMED_OUT])(
    'is repeated on error %i',
    async (code) => {
      const rig = new Rig()
      rig.answer = () => refused(code)
      const registered = outcomeOf(rig.register())
      await rig.pass(500)
      rig.answer = () => null
      await rig.pass(1000)
      expect(registered.value).toBe('done')
    },
  )

  it('ends when the broker is stopped', async () => {
    const rig = new Rig()
    rig.answer = () => notSent
    const registered = outcomeOf(rig.register())
    await rig.pass(100)
    rig.lifecycle.stop()
    await microtasks()
    expect(registered.value).toBeInstanceOf(BrokerStoppedError)
    expect([rig.time.pendingTimers, rig.quorum.listeners]).toEqual([0, 0])
    await expect(rig.lifecycle.unfence()).rejects.toBeInstanceOf(BrokerStoppedError)
  })
})

describe('heartbeats', () => {
  it('begin with the registration, and ask to stay fenced until the broker can serve', async () => {
    const rig = new Rig()
    await rig.register()
    await rig.pass(3 * HEARTBEAT_MS)
    expect(rig.heartbeats).toHaveLength(4)
    expect(rig.heartbeats.every(({ wantFence }) => wantFence)).toBe(true)
    const unfenced = rig.lifecycle.unfence()
    await microtasks()
    expect(rig.heartbeats.at(-1)).toMatchObject({
      wantFence: false,
      currentMetadataOffset: 0,
      brokerEpoch: 0,
    })
    await unfenced
    expect(rig.lifecycle.state).toBe('running')
  })

  it('come in the interval, and never two at a time', async () => {
    const rig = new Rig()
    await rig.run()
    const before = rig.heartbeats.length
    await rig.pass(10 * HEARTBEAT_MS)
    expect(rig.heartbeats.length - before).toBe(10)
    const held = Promise.withResolvers<Answer>()
    rig.answer = () => held.promise
    await rig.pass(HEARTBEAT_MS)
    const sent = rig.heartbeats.length
    await rig.pass(2 * HEARTBEAT_MS)
    expect(rig.heartbeats.length).toBe(sent)
    expect(rig.timeouts.at(-1)).toBe(3 * HEARTBEAT_MS)
    rig.answer = () => null
    held.resolve(lost)
    await rig.pass(50)
    expect(rig.heartbeats.length).toBe(sent + 1)
  })

  it('report what all shards have applied, at once while the broker waits to be unfenced', async () => {
    const rig = new Rig()
    await rig.register()
    rig.answer = () => ({ kind: 'answered', response: { isCaughtUp: false, isFenced: true } })
    void rig.lifecycle.unfence().catch(() => {})
    await microtasks()
    const sent = rig.heartbeats.length
    rig.lifecycle.onApplied(17 as Offset)
    await microtasks()
    expect(rig.heartbeats.length).toBe(sent + 1)
    expect(rig.heartbeats.at(-1)!.currentMetadataOffset).toBe(17)
    rig.lifecycle.stop()
  })

  it('that are answered keep the session alive, as this broker sees it, and no others', async () => {
    const rig = new Rig()
    await rig.run()
    await rig.pass(2 * SESSION_MS)
    expect(rig.sessions).toEqual([])
    rig.answer = (api) => (api === 'BrokerHeartbeat' ? lost : null)
    await rig.pass(SESSION_MS - HEARTBEAT_MS - 10)
    expect(rig.sessions).toEqual([])
    await rig.pass(HEARTBEAT_MS + 20)
    expect(rig.sessions).toEqual([true])
    rig.answer = () => refused(ErrorCode.NOT_CONTROLLER)
    await rig.pass(SESSION_MS)
    expect(rig.sessions).toEqual([true])
    rig.answer = () => null
    await rig.pass(2 * HEARTBEAT_MS)
    expect(rig.sessions).toEqual([true, false])
    rig.lifecycle.stop()
    await rig.pass(2 * SESSION_MS)
    expect(rig.sessions).toEqual([true, false])
  })

  it('go to a new leader at once', async () => {
    const rig = new Rig()
    await rig.run()
    const sent = rig.heartbeats.length
    rig.quorum.elect(nodeId(102))
    await microtasks()
    expect(rig.heartbeats.length).toBe(sent + 1)
  })

  it.each([ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED])(
    'that are refused with error %i lead to another registration of the same process',
    async (code) => {
      const rig = new Rig()
      await rig.run()
      let refusals = 1
      rig.answer = () => (refusals-- > 0 ? refused(code) : null)
      await rig.pass(HEARTBEAT_MS)
      expect(rig.registrations).toHaveLength(2)
      expect(rig.registrations[1]!.incarnationId).toBe(rig.registrations[0]!.incarnationId)
      await rig.pass(HEARTBEAT_MS)
      expect(rig.heartbeats.at(-1)).toMatchObject({
        wantFence: false,
        brokerEpoch: rig.lifecycle.brokerEpoch,
      })
      expect(rig.metadata.image.brokers.get(NODE)).toMatchObject({ fenced: false })
    },
  )

  it('bring a broker back that was fenced, without waiting for the interval', async () => {
    const rig = new Rig()
    await rig.run()
    rig.metadata.fence(NODE)
    await microtasks()
    expect(rig.metadata.image.brokers.get(NODE)!.fenced).toBe(false)
  })

  it('end the process when another one has been registered in its place', async () => {
    const rig = new Rig()
    await rig.run()
    const register = (incarnationId: Uuid) => rig.metadata.register(NODE, { incarnationId })
    expect(() => register(randomUuid(nodeEntropy))).toThrow(Halted)
  })
})

describe('a controlled shutdown', () => {
  it('lasts until the controller says that nothing is led any more', async () => {
    const rig = new Rig()
    await rig.run()
    let shouldShutDown = false
    rig.answer = (api) =>
      api === 'BrokerHeartbeat' ? { kind: 'answered', response: { isFenced: false, shouldShutDown } } : null
    const stopped = outcomeOf(rig.lifecycle.shutDown())
    await rig.pass(1000)
    expect(rig.heartbeats.at(-1)).toMatchObject({ wantShutDown: true })
    expect(stopped.value).toBe('pending')
    shouldShutDown = true
    await rig.pass(60)
    expect(stopped.value).toBe('done')
    const sent = rig.heartbeats.length
    await rig.pass(2000)
    expect([rig.heartbeats.length, rig.closed, rig.time.pendingTimers]).toEqual([sent, true, 0])
  })

  it('does not last longer than it may', async () => {
    const rig = new Rig()
    await rig.run()
    rig.answer = () => ({ kind: 'answered', response: { isFenced: false, shouldShutDown: false } })
    const stopped = outcomeOf(rig.lifecycle.shutDown())
    await rig.pass(4900, 50)
    expect(stopped.value).toBe('pending')
    await rig.pass(200)
    expect(stopped.value).toBe('done')
  })

  it('does not wait long for controllers that are gone, but outlasts an election', async () => {
    const rig = new Rig()
    await rig.run()
    rig.answer = () => notSent
    const stopped = outcomeOf(rig.lifecycle.shutDown())
    await rig.pass(800)
    expect(stopped.value).toBe('pending')
    await rig.pass(400)
    expect(stopped.value).toBe('done')
  })

  it('is over when the broker is not registered any more', async () => {
    const rig = new Rig()
    await rig.run()
    rig.answer = () => refused(ErrorCode.STALE_BROKER_EPOCH)
    await rig.lifecycle.shutDown()
    expect(rig.registrations).toHaveLength(1)
  })

  it('needs no controller when the broker never served', async () => {
    const rig = new Rig()
    rig.answer = () => notSent
    const registered = outcomeOf(rig.register())
    await rig.lifecycle.shutDown()
    await microtasks()
    expect(registered.value).toBeInstanceOf(BrokerStoppedError)
  })
})

it('needs no fixed wait to come up: nothing but answers', async () => {
  const rig = new Rig()
  await rig.run()
  expect(rig.time.monoMs()).toBe(new VirtualTime().monoMs())
  expect(rig.heartbeats.length).toBeLessThanOrEqual(3)
})
