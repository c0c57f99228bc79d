import { NO_NODE, nodeId } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { ErrorCode, errorInfo } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { ControllerRoute } from '../../src/controller/controller-route.ts'
import { ControllerLink } from '../../src/controller/controller-link.ts'
import type { ForwardedApi } from '../../src/controller-channel.ts'
import { FakeController } from '../support/fake-controller.ts'
import { FakeQuorum } from '../support/fake-quorum.ts'
import { ManualTime } from '../support/manual-time.ts'
import { microtasks } from '../support/virtual-time.ts'

const SELF = nodeId(1)
const [LEFT, RIGHT] = [nodeId(101), nodeId(102)]
const CONTEXT = { clientId: 'test', apiVersion: 7 }
const REQUEST_TIMEOUT_MS = 15_000
const WAIT_MS = 5000

const rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close()
})

class Rig {
  readonly time = new ManualTime()
  readonly quorum = new FakeQuorum()
  readonly local = new FakeController()
  readonly link: ControllerLink
  readonly #remotes: FakeController[] = []

  constructor() {
    const env = { ...nodeEnv({ log: silentLog }), clock: this.time, timers: this.time }
    const { quorum, local: localController } = this
    const route = new ControllerRoute({
      env,
      nodeId: SELF,
      quorum,
      localController,
      connectTimeoutMs: 1200,
      retireMs: 500,
    })
    const config = {
      controllerRequestTimeoutMs: REQUEST_TIMEOUT_MS,
      controllerWaitMs: WAIT_MS,
      controllerRetryBackoffMs: { first: 20, max: 1000 },
    }
    this.link = new ControllerLink({ env, config, quorum, route })
    rigs.push(this)
  }

  async controller(id: typeof LEFT): Promise<FakeController> {
    const controller = new FakeController()
    this.#remotes.push(controller)
    const endpoint = await controller.listen()
    this.quorum.elect(id, endpoint)
    return controller
  }

  create(timeoutMs = 5000): Promise<ResponseInputOf<'CreateTopics'>> {
    return this.link.request('CreateTopics', createTopics('flights', timeoutMs), CONTEXT)
  }

  async close(): Promise<void> {
    this.link.close()
    for (const remote of this.#remotes) await remote.close()
  }
}

function createTopics(name: string, timeoutMs: number): RequestOf<'CreateTopics'> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  return { topics: [topic], timeoutMs, validateOnly: false }
}

const created = (errorCode: number = ErrorCode.NONE) => ({ topics: [{ name: 'flights', errorCode }] })
const codeOf = (response: ResponseInputOf<'CreateTopics'>) => response.topics[0]!.errorCode

describe('ControllerLink', () => {
  it('asks the controller of its own process while that is the active one', async () => {
    const rig = new Rig()
    rig.quorum.elect(SELF)
    rig.local.reply = () => created()
    expect(codeOf(await rig.create())).toBe(ErrorCode.NONE)
    expect(rig.local.received).toBe(1)
  })

  it('asks another node over one connection, and goes to the next leader when there is one', async () => {
    const rig = new Rig()
    const left = await rig.controller(LEFT)
    left.reply = () => created()
    expect(codeOf(await rig.create())).toBe(ErrorCode.NONE)
    const right = await rig.controller(RIGHT)
    right.reply = () => created(ErrorCode.TOPIC_ALREADY_EXISTS)
    expect(codeOf(await rig.create())).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
    expect([left.received, right.received, rig.local.received]).toEqual([1, 1, 0])
  })

  it('holds a request during an election, and sends it to whoever is elected', async () => {
    const rig = new Rig()
    const answer = rig.create()
    await microtasks()
    rig.time.advance(500)
    rig.local.reply = () => created()
    rig.quorum.elect(SELF)
    expect(codeOf(await answer)).toBe(ErrorCode.NONE)
  })

  it('sends a request again that a node refused because it is not the controller', async () => {
    const rig = new Rig()
    rig.quorum.elect(SELF)
    const answer = rig.create()
    const refused = await rig.local.next()
    refused.answer(created(ErrorCode.NOT_CONTROLLER))
    await microtasks()
    rig.quorum.elect(SELF)
    const again = await rig.local.next()
    again.answer(created())
    expect(codeOf(await answer)).toBe(ErrorCode.NONE)
  })

  it('never sends a request again whose outcome is unknown, and says so with a retriable error', async () => {
    const rig = new Rig()
    const left = await rig.controller(LEFT)
    const answer = rig.create()
    await left.next()
    await left.close()
    const code = codeOf(await answer)
    expect(code).toBe(ErrorCode.REQUEST_TIMED_OUT)
    expect(errorInfo(code).retriable).toBe(true)
    expect(left.received).toBe(1)
  })

  it('dials again after a lost connection', async () => {
    const rig = new Rig()
    const left = await rig.controller(LEFT)
    left.reply = () => created()
    await rig.create()
    await left.close()
    const back = await rig.controller(LEFT)
    back.reply = () => created()
    expect(codeOf(await rig.create())).toBe(ErrorCode.NONE)
  })

  it('still takes the answer of an old leader, but does not wait for it for long', async () => {
    const rig = new Rig()
    const left = await rig.controller(LEFT)
    const [answered, unanswered] = [rig.create(), rig.create()]
    const first = await left.next()
    await left.next()
    rig.quorum.elect(RIGHT, { host: '127.0.0.1', port: 1 })
    first.answer(created())
    expect(codeOf(await answered)).toBe(ErrorCode.NONE)
    rig.time.advance(500)
    expect(codeOf(await unanswered)).toBe(ErrorCode.REQUEST_TIMED_OUT)
  })

  it("gives up within the request's time when no controller is to be found", async () => {
    const rig = new Rig()
    let response: ResponseInputOf<'CreateTopics'> | null = null
    void rig.create(300).then((answer) => (response = answer))
    for (let waitedMs = 0; waitedMs < 300; waitedMs += 10) {
      expect(response).toBeNull()
      rig.time.advance(10)
      await microtasks()
    }
    expect(codeOf(response!)).toBe(ErrorCode.NOT_CONTROLLER)
    expect(rig.time.pendingTimers).toBe(0)
  })

  it('says so sooner than the request would wait while no controller is active', async () => {
    const rig = new Rig()
    let response: ResponseInputOf<'CreateTopics'> | null = null
    void rig.create(60_000).then((answer) => (response = answer))
    for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += 100) {
      expect(response).toBeNull()
      await microtasks()
      rig.time.advance(100)
    }
    await microtasks()
    expect(codeOf(response!)).toBe(ErrorCode.NOT_CONTROLLER)
  })

  it("waits for an active controller's answer for the whole time of the request", async () => {
    const rig = new Rig()
    rig.quorum.elect(SELF)
    const answer = rig.create(10_000)
    const asked = await rig.local.next()
    rig.time.advance(WAIT_MS + 1000)
    asked.answer(created())
    expect(codeOf(await answer)).toBe(ErrorCode.NONE)
  })

  it('gives up on a controller that can not be reached, and on one that says nothing', async () => {
    const rig = new Rig()
    const silent = await rig.controller(LEFT)
    const unanswered = rig.create(300)
    await silent.next()
    rig.time.advance(1300)
    expect(codeOf(await unanswered)).toBe(ErrorCode.REQUEST_TIMED_OUT)

    // What was silent is not asked again by the same connection: it may be cut somewhere in the middle.
    silent.reply = () => created()
    expect(codeOf(await rig.create())).toBe(ErrorCode.NONE)
    expect(silent.connections.size).toBe(2)

    const gone = await rig.controller(RIGHT)
    await gone.close()
    const refused = rig.create(0)
    expect(codeOf(await refused)).toBe(ErrorCode.NOT_CONTROLLER)
  })

  it.each<ForwardedApi>(['IncrementalAlterConfigs', 'UnregisterBroker', 'DescribeQuorum', 'RemoveRaftVoter'])(
    'bounds the wait of %s, which names no time of its own',
    async (api) => {
      const rig = new Rig()
      const body = { resources: [{ resourceType: 2, resourceName: 't', configs: [] }], topics: [] }
      const answer = rig.link.request(api, body as never, CONTEXT)
      for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += 500) {
        await microtasks()
        rig.time.advance(500)
      }
      expect(JSON.stringify(await answer)).toContain(`"errorCode":${ErrorCode.NOT_CONTROLLER}`)
    },
  )

  it('answers every item of what it refuses', async () => {
    const rig = new Rig()
    const refused = async <N extends ForwardedApi>(api: N, request: RequestOf<N>) =>
      rig.link.request(api, request, CONTEXT)
    rig.link.close()
    const topics = [
      { name: 'a', topicId: null },
      { name: 'b', topicId: null },
    ]
    const deleted = await refused('DeleteTopics', {
      topics: [],
      topicNames: topics.map(({ name }) => name),
      timeoutMs: 1,
    })
    expect(deleted.responses).toMatchObject([
      { name: 'a', errorCode: ErrorCode.NOT_CONTROLLER },
      { name: 'b', errorCode: ErrorCode.NOT_CONTROLLER },
    ])
    const grown = await refused('CreatePartitions', {
      topics: [{ name: 'a', count: 2, assignments: null }],
      timeoutMs: 1,
      validateOnly: false,
    })
    expect(grown.results).toMatchObject([{ name: 'a', errorCode: ErrorCode.NOT_CONTROLLER }])
  })

  it('refuses what waits when it is closed, and leaves nothing behind', async () => {
    const rig = new Rig()
    const answer = rig.create()
    await microtasks()
    rig.link.close()
    expect(codeOf(await answer)).toBe(ErrorCode.NOT_CONTROLLER)
    expect(rig.quorum.listeners).toBe(0)
    expect(rig.time.pendingTimers).toBe(0)
  })

  it('knows no controller while the quorum names none', async () => {
    const rig = new Rig()
    rig.quorum.elect(NO_NODE)
    expect(codeOf(await rig.create(0))).toBe(ErrorCode.NOT_CONTROLLER)
  })
})
