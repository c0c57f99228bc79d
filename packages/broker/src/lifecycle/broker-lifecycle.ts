/**
 * A broker's standing with the controller: registered, kept alive by heartbeats, unfenced once it can serve, and in the
 * end shut down in order (KIP-631).
 *
 * Owns: incarnation, broker epoch, what the next heartbeat asks for. Must not know: shards, partitions, connections.
 * Invariants: one request is under way at a time; a change that the controller should know of at once goes out with the
 * next one, as soon as the answer to the last has come. The broker asks to be unfenced only after `unfence`.
 */
import { assert, NO_NODE, randomUuid } from '@millrace/base'
import type { Env, Offset, TimerId, Uuid } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import { ErrorCode, errorInfo } from '@millrace/protocol'
import type { RequestOf } from '@millrace/protocol'
import type { BrokerConfig } from '../config.ts'
import type { ControllerRoute } from '../controller/controller-route.ts'
import type { QuorumView } from '../quorum-view.ts'
import { BrokerStoppedError, registrationError } from './broker-registration-error.ts'
import { SessionClock } from './session-clock.ts'
import { WaitJournal } from './wait-journal.ts'

/**
 * registering → (`register` was called, and the controller has answered) catching-up → (own registration seen in the
 * metadata) recovering → (`unfence` was called) unfencing → (seen unfenced in the metadata) running →
 * (`shutDown` was called) shutting-down → stopped.
 */
export type LifecycleState =
  | 'starting'
  | 'registering'
  | 'catching-up'
  | 'recovering'
  | 'unfencing'
  | 'running'
  | 'shutting-down'
  | 'stopped'

export interface BrokerIdentity {
  /** Of the data folder. */
  readonly directoryId: Uuid
  /** Of the process before this one, when that stopped cleanly; −1: it did not, or there was none. */
  readonly previousBrokerEpoch: number
}

export interface BrokerLifecycleOptions {
  readonly env: Pick<Env, 'clock' | 'timers' | 'entropy' | 'log' | 'host'>
  readonly config: Pick<
    BrokerConfig,
    | 'nodeId'
    | 'clusterId'
    | 'rack'
    | 'heartbeatIntervalMs'
    | 'sessionTimeoutMs'
    | 'controlledShutdownTimeoutMs'
    | 'controllerRetryBackoffMs'
  >
  readonly identity: BrokerIdentity
  readonly quorum: QuorumView
  readonly controller: Pick<ControllerRoute, 'request' | 'close'>
  /**
   * No controller has answered for as long as a session lasts, counted from the last answer, when the controller had
   * heard from this broker already: it must have ended there, unless another controller has begun it anew; or one has
   * answered again.
   */
  readonly onSession: (isOver: boolean) => void
}

export type RegisteredListener = RequestOf<'BrokerRegistration'>['listeners'][number]

/** An answer that does not come within so many heartbeats won't: the connection is given up, and another one dialled. */
const HEARTBEATS_PER_ANSWER = 3
/** A broker that goes is not worth waiting for longer than the longest pause between its heartbeats here. */
const SHUTDOWN_HEARTBEAT_MS = 50
/** Without any answer of a controller for so long, a controlled shutdown ends: they may be stopping, too. */
const SHUTDOWN_SILENCE_MS = 1000
/** A predecessor's session that was just renewed ends within one timeout, with a new controller within another. */
const DUPLICATE_SESSIONS = 2

const API_VERSION = { BrokerRegistration: 4, BrokerHeartbeat: 1 } as const

export class BrokerLifecycle {
  readonly incarnationId: Uuid
  readonly #options: BrokerLifecycleOptions
  readonly #waiting: WaitJournal
  readonly #session: SessionClock
  readonly #unsubscribe: () => void
  #state: LifecycleState = 'starting'
  #listeners: readonly RegisteredListener[] = []
  /** Of the newest registration; −1: there was none yet. */
  #brokerEpoch = -1
  /** Whether the controller knows that epoch, as far as it has said. */
  #isRegistered = false
  #appliedOffset = -1 as Offset
  #timer: TimerId | null = null
  #inFlight = false
  /** Something changed that the request under way does not tell. */
  #again = false
  /** Requests in a row that brought nothing. */
  #failures = 0
  /** When another process was first said to be registered in this one's place; null: it is not. */
  #duplicateSinceMs: number | null = null
  /** When that was said last. */
  #duplicateSaidMs = 0
  #lastAnswerMs = 0
  /** What `register`, `unfence` or `shutDown` waits for. */
  #step: PromiseWithResolvers<void> | null = null

  constructor(options: BrokerLifecycleOptions) {
    this.#options = options
    this.incarnationId = randomUuid(options.env.entropy)
    this.#waiting = new WaitJournal(options.env)
    this.#session = new SessionClock(options.env, options.config.sessionTimeoutMs, options.onSession)
    this.#unsubscribe = options.quorum.onLeaderChange(() => this.#hurry())
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** Of the newest registration; −1: there was none yet. */
  get brokerEpoch(): number {
    return this.#brokerEpoch
  }

  /**
   * Resolves once the metadata seen here has this registration, and so everything that was committed before it.
   * @throws BrokerRegistrationError when refused for good, BrokerStoppedError
   */
  register(listeners: readonly RegisteredListener[]): Promise<void> {
    if (this.#state === 'stopped') return Promise.reject(new BrokerStoppedError())
    assert(this.#state === 'starting', `register while ${this.#state}`)
    this.#listeners = listeners
    const registered = this.#enter('registering')
    this.#hurry()
    return registered
  }

  /** The broker can serve. Resolves once the metadata says that it may lead. @throws BrokerStoppedError */
  unfence(): Promise<void> {
    if (this.#state === 'stopped') return Promise.reject(new BrokerStoppedError())
    assert(this.#state === 'recovering', `unfence while ${this.#state}`)
    const unfenced = this.#enter('unfencing')
    this.#hurry()
    return unfenced
  }

  /** Resolves when the controller has taken all leaderships away, or none answers; heartbeats end then. */
  async shutDown(): Promise<void> {
    const { env, config } = this.#options
    if (this.#state === 'running') {
      this.#lastAnswerMs = env.clock.monoMs()
      const released = this.#enter('shutting-down')
      const deadline = env.timers.after(config.controlledShutdownTimeoutMs, () => this.#step?.resolve())
      this.#hurry()
      await released
      env.timers.cancel(deadline)
    }
    this.stop()
  }

  /** At once; whoever waits for the start is told. */
  stop(): void {
    if (this.#state === 'stopped') return
    this.#fail(new BrokerStoppedError())
  }

  /** Metadata was committed, and is about to be applied. */
  onImage(image: MetadataImage): void {
    const { nodeId, clusterId } = this.#options.config
    const own = image.brokers.get(nodeId)
    if (own === undefined || this.#state === 'starting' || this.#state === 'stopped') return
    if (own.incarnationId !== this.incarnationId) {
      // Two of one name would both take what is written to the partitions that they believe to lead.
      if (this.#brokerEpoch >= 0 && own.epoch > this.#brokerEpoch) {
        const { message } = registrationError(ErrorCode.DUPLICATE_BROKER_REGISTRATION, nodeId, clusterId)
        this.#options.env.host.halt(message)
      }
      return
    }
    // Also when the answer to the registration was lost.
    if (this.#state === 'registering') this.#registered(own.epoch)
    if (this.#state === 'registering' || this.#state === 'catching-up') this.#finish('recovering')
    if (this.#state === 'unfencing' && !own.fenced) this.#finish('running')
    if (this.#state === 'running' && own.fenced) this.#hurry()
  }

  /** Every shard has applied the metadata up to there. */
  onApplied(lastOffset: Offset): void {
    if (lastOffset <= this.#appliedOffset) return
    this.#appliedOffset = lastOffset
    // Both need the controller to know that this broker has followed it.
    if (this.#state === 'unfencing' || this.#state === 'shutting-down') this.#hurry()
  }

  /* ------------------------------------------------ the loop of requests */

  #hurry(): void {
    if (this.#state === 'starting' || this.#state === 'stopped') return
    if (this.#inFlight) {
      this.#again = true
      return
    }
    this.#cancelTimer()
    this.#inFlight = true
    this.#again = false
    this.#exchange().then(
      (pauseMs) => {
        this.#inFlight = false
        if (this.#again) this.#hurry()
        else this.#schedule(pauseMs)
      },
      (error: unknown) => this.#options.env.host.halt(`the broker's lifecycle broke: ${String(error)}`),
    )
  }

  #schedule(pauseMs: number): void {
    if (this.#state === 'stopped') return
    this.#timer = this.#options.env.timers.after(pauseMs, () => {
      this.#timer = null
      this.#hurry()
    })
  }

  #cancelTimer(): void {
    if (this.#timer !== null) this.#options.env.timers.cancel(this.#timer)
    this.#timer = null
  }

  /** One request and its answer. @returns the pause before the next */
  async #exchange(): Promise<number> {
    const startedAtMs = this.#options.env.clock.monoMs()
    const problem = await (this.#isRegistered ? this.#sendHeartbeat() : this.#sendRegistration())
    if (this.#state === 'stopped') return 0
    if (problem !== null) return this.#afterFailure(problem)
    this.#failures = 0
    this.#reportWait()
    const { clock } = this.#options.env
    this.#lastAnswerMs = clock.monoMs()
    if (this.#isRegistered) this.#session.renew()
    return Math.max(0, this.#heartbeatPauseMs() - (clock.monoMs() - startedAtMs))
  }

  /** @returns why it brought nothing; null: it did */
  async #sendRegistration(): Promise<string | null> {
    const { config, controller } = this.#options
    const outcome = await controller.request('BrokerRegistration', this.#registration(), {
      clientId: null,
      version: API_VERSION.BrokerRegistration,
      timeoutMs: this.#answerTimeoutMs(),
    })
    if (this.#state === 'stopped') return null
    if (outcome.kind !== 'answered') {
      // Where another controller takes over, the sessions of all brokers begin anew, that of a process that is gone too.
      this.#duplicateSinceMs = null
      return outcome.reason
    }
    const { errorCode = ErrorCode.NONE, brokerEpoch = -1 } = outcome.response
    if (errorCode === ErrorCode.NONE) {
      this.#registered(brokerEpoch)
      if (this.#state === 'registering') this.#state = 'catching-up'
      this.#options.env.log.info({ broker: config.nodeId, brokerEpoch }, 'registered with the controller')
      // The first heartbeat goes out at once: the session has begun.
      this.#again = true
      return null
    }
    return this.#onRegistrationRefused(errorCode)
  }

  #registered(brokerEpoch: number): void {
    this.#brokerEpoch = brokerEpoch
    this.#isRegistered = true
    this.#duplicateSinceMs = null
  }

  #onRegistrationRefused(errorCode: number): string {
    const { config, env } = this.#options
    const { retriable, name, text } = errorInfo(errorCode)
    const reason = `the controller answers ${name}: ${text}`
    if (errorCode === ErrorCode.DUPLICATE_BROKER_REGISTRATION) {
      const nowMs = env.clock.monoMs()
      // This process did not run in between. If the controller is in it, sessions have begun anew: it heard nobody.
      if (nowMs - this.#duplicateSaidMs > config.sessionTimeoutMs / 2) this.#duplicateSinceMs = null
      this.#duplicateSaidMs = nowMs
      this.#duplicateSinceMs ??= nowMs
      // Most likely the process before this one, whose session has not ended yet.
      if (nowMs - this.#duplicateSinceMs < DUPLICATE_SESSIONS * config.sessionTimeoutMs) return reason
    } else if (retriable) return reason
    // Once it runs it can only go on trying: what it serves may still be asked for.
    if (this.#state === 'registering')
      this.#fail(registrationError(errorCode, config.nodeId, config.clusterId))
    return reason
  }

  /** @returns why it brought nothing; null: it did */
  async #sendHeartbeat(): Promise<string | null> {
    const outcome = await this.#options.controller.request('BrokerHeartbeat', this.#heartbeat(), {
      clientId: null,
      version: API_VERSION.BrokerHeartbeat,
      timeoutMs: this.#answerTimeoutMs(),
    })
    if (this.#state === 'stopped') return null
    if (outcome.kind !== 'answered') return outcome.reason
    const { errorCode = ErrorCode.NONE, shouldShutDown = false } = outcome.response
    if (errorCode === ErrorCode.NONE) {
      if (this.#state === 'shutting-down' && shouldShutDown) this.#step?.resolve()
      return null
    }
    return this.#onHeartbeatRefused(errorCode)
  }

  #onHeartbeatRefused(errorCode: number): string | null {
    const { name, text } = errorInfo(errorCode)
    const reason = `the controller answers ${name}: ${text}`
    const isUnregistered =
      errorCode === ErrorCode.STALE_BROKER_EPOCH || errorCode === ErrorCode.BROKER_ID_NOT_REGISTERED
    if (!isUnregistered) return reason
    if (this.#state === 'shutting-down') {
      // Whoever is not registered leads nothing.
      this.#step?.resolve()
      return null
    }
    this.#options.env.log.warn({ brokerEpoch: this.#brokerEpoch, reason }, 'registering again')
    this.#isRegistered = false
    this.#again = true
    return null
  }

  #afterFailure(problem: string): number {
    const { env, config } = this.#options
    this.#waiting.report(this.#state, problem)
    if (this.#state === 'shutting-down' && env.clock.monoMs() - this.#lastAnswerMs >= SHUTDOWN_SILENCE_MS) {
      // As when a whole cluster is stopped at once: then there is nobody left who could lead instead.
      const level = this.#options.quorum.leader.id === NO_NODE ? 'info' : 'warn'
      env.log[level]({ reason: problem }, 'no controller takes the leaderships: stopping all the same')
      this.#step?.resolve()
    }
    const { first, max } = config.controllerRetryBackoffMs
    const pauseMs = Math.min(max, first * 2 ** this.#failures)
    this.#failures++
    // A predecessor's session may end at any moment.
    const isPressing = this.#isRegistered || this.#duplicateSinceMs !== null
    return isPressing ? Math.min(pauseMs, this.#heartbeatPauseMs()) : pauseMs
  }

  #reportWait(): void {
    switch (this.#state) {
      case 'catching-up':
        return this.#waiting.report(
          this.#state,
          `the metadata has not come as far as offset ${this.#brokerEpoch}`,
        )
      case 'unfencing':
        return this.#waiting.report(this.#state, 'the controller has not unfenced this broker')
      default:
        this.#waiting.over()
    }
  }

  /* ------------------------------------------------ what is said */

  #registration(): RequestOf<'BrokerRegistration'> {
    const { nodeId, clusterId, rack } = this.#options.config
    const { directoryId, previousBrokerEpoch } = this.#options.identity
    return {
      brokerId: nodeId,
      clusterId,
      incarnationId: this.incarnationId,
      listeners: [...this.#listeners],
      features: [],
      rack,
      isMigratingZkBroker: false,
      logDirs: [directoryId],
      previousBrokerEpoch,
    }
  }

  #heartbeat(): RequestOf<'BrokerHeartbeat'> {
    const serves = this.#state === 'unfencing' || this.#state === 'running' || this.#state === 'shutting-down'
    return {
      brokerId: this.#options.config.nodeId,
      brokerEpoch: this.brokerEpoch,
      currentMetadataOffset: this.#appliedOffset,
      wantFence: !serves,
      wantShutDown: this.#state === 'shutting-down',
      offlineLogDirs: [],
    }
  }

  #heartbeatPauseMs(): number {
    const { heartbeatIntervalMs } = this.#options.config
    const isLeaving = this.#state === 'shutting-down'
    return isLeaving ? Math.min(heartbeatIntervalMs, SHUTDOWN_HEARTBEAT_MS) : heartbeatIntervalMs
  }

  #answerTimeoutMs(): number {
    return HEARTBEATS_PER_ANSWER * this.#options.config.heartbeatIntervalMs
  }

  /* ------------------------------------------------ steps that somebody waits for */

  #enter(state: LifecycleState): Promise<void> {
    this.#state = state
    this.#step = Promise.withResolvers<void>()
    return this.#step.promise
  }

  #finish(state: LifecycleState): void {
    this.#state = state
    this.#waiting.over()
    const step = this.#step
    this.#step = null
    step?.resolve()
  }

  #fail(error: Error): void {
    this.#state = 'stopped'
    this.#session.close()
    this.#cancelTimer()
    this.#unsubscribe()
    this.#options.controller.close()
    this.#step?.reject(error)
    this.#step = null
  }
}
