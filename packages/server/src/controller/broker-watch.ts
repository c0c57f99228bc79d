/**
 * Fences brokers that are gone: those whose session has ended, and sooner those whose process has ended.
 *
 * A process that ends has its connections reset and its port closed. So when a broker's heartbeat connection is closed
 * from its side, and nobody listens any more where the broker is registered, there is no need to wait for
 * the session's end. Whatever leaves a doubt (silence, an address that can't be reached, a port that accepts) is left to
 * the session.
 *
 * Owns: sessions while this node is the active controller, one timer to the next session's end. Must not know: what
 * fencing a broker changes.
 */
import type { Endpoint, Env, NodeId, Offset, TimerId } from '@millrace/base'
import { type BrokerProcess, BrokerSessions, type LiveSessions } from '@millrace/controller'
import type { BrokerImage, MetadataImage } from '@millrace/metadata'
import type { RequestOf } from '@millrace/protocol'
import { isProcessGone } from './process-gone.ts'

export interface BrokerWatchOptions {
  readonly env: Pick<Env, 'clock' | 'timers' | 'net' | 'log'>
  /** A broker of the same process can't be gone. */
  readonly nodeId: NodeId
  readonly sessionTimeoutMs: number
  /** With what was decided last; null when this node is not the active controller. */
  readonly image: () => MetadataImage | null
  readonly fence: (broker: BrokerProcess) => void
}

/** Between two attempts to reach a broker that seems to be gone. */
const REDIAL_PAUSE_MS = 30
const WRONG_GUESS_DELAY_MS = 60
const WRONG_GUESS_FORGOTTEN_MS = 60_000

export class BrokerWatch {
  readonly #options: BrokerWatchOptions
  readonly #sessions: BrokerSessions
  #isActive = false
  #timer: TimerId | null = null
  #timerDueMs = Infinity
  /** Of the look at brokers that a new active controller has not heard from. */
  #silenceTimer: TimerId | null = null
  /** Brokers that are being dialled. */
  readonly #suspects = new Set<NodeId>()

  constructor(options: BrokerWatchOptions) {
    const { sessionTimeoutMs } = options
    this.#options = options
    this.#sessions = new BrokerSessions({
      sessionTimeoutMs,
      wrongGuessDelayMs: Math.min(WRONG_GUESS_DELAY_MS, sessionTimeoutMs),
      wrongGuessForgottenMs: WRONG_GUESS_FORGOTTEN_MS,
    })
  }

  /** What decisions may know now. */
  get live(): LiveSessions {
    return this.#sessions.at(this.#options.env.clock.monoMs())
  }

  /**
   * This node has become the active controller. No connection to it will be closed by brokers that ended together with the
   * one before it, so those that it has not heard from after half a session are dialled. Not sooner: the address that clients
   * are told may lead elsewhere from here, and then a refusal says nothing about a broker that is well.
   */
  start(): void {
    const { env, image, sessionTimeoutMs } = this.#options
    const current = image()
    if (current === null) return
    this.#isActive = true
    const nowMs = env.clock.monoMs()
    this.#sessions.reset(current, nowMs)
    this.#arm()
    this.#silenceTimer = env.timers.after(sessionTimeoutMs / 2, () => this.#suspectSilent(nowMs))
  }

  /** Another node decides from here on. */
  stop(): void {
    this.#isActive = false
    for (const timer of [this.#timer, this.#silenceTimer]) {
      if (timer !== null) this.#options.env.timers.cancel(timer)
    }
    this.#timer = null
    this.#silenceTimer = null
    this.#timerDueMs = Infinity
  }

  onRegistered(broker: BrokerProcess): void {
    const nowMs = this.#options.env.clock.monoMs()
    this.#sessions.registered(broker, nowMs)
    this.#armForWholeSession(nowMs)
  }

  /** @param decidedOffset of the last record that it led to; null when there were none */
  onHeartbeat(heartbeat: RequestOf<'BrokerHeartbeat'>, decidedOffset: Offset | null): void {
    const nowMs = this.#options.env.clock.monoMs()
    this.#sessions.heard(heartbeat, decidedOffset, nowMs)
    // A broker that was taken for dead has a session again.
    this.#armForWholeSession(nowMs)
  }

  /** It is tried again after another session. */
  onFencingFailed(broker: BrokerProcess): void {
    const nowMs = this.#options.env.clock.monoMs()
    this.#sessions.fencingFailed(broker, nowMs)
    this.#armForWholeSession(nowMs)
  }

  onUnregistered(broker: NodeId): void {
    this.#sessions.forget(broker)
  }

  /** The connection by which it sent heartbeats was closed from its side. */
  onDisconnected(id: NodeId): void {
    const broker = this.#options.image()?.brokers.get(id)
    if (this.#isActive && broker !== undefined && !broker.fenced) this.#suspect(broker)
  }

  #suspectSilent(sinceMs: number): void {
    this.#silenceTimer = null
    for (const broker of this.#options.image()?.brokers.values() ?? []) {
      if (!broker.fenced && this.#sessions.lastHeardMs(broker.id) === sinceMs) this.#suspect(broker)
    }
  }

  #suspect({ id: brokerId, epoch: brokerEpoch, endpoints }: BrokerImage): void {
    const { env, nodeId } = this.#options
    const endpoint: Endpoint | undefined = endpoints[0]
    if (brokerId === nodeId || endpoint === undefined || this.#suspects.has(brokerId)) return
    this.#suspects.add(brokerId)
    void isProcessGone(env, endpoint, REDIAL_PAUSE_MS).then((gone) => {
      this.#suspects.delete(brokerId)
      if (!gone || !this.#isActive) return
      env.log.info({ broker: brokerId, endpoint }, 'nobody listens where this broker did')
      this.#sessions.gone({ brokerId, brokerEpoch }, env.clock.monoMs())
      this.#endSessions()
    })
  }

  #onTimer(dueMs: number): void {
    const { env, sessionTimeoutMs, image } = this.#options
    const nowMs = env.clock.monoMs()
    const current = image()
    // This process itself did not run for a while: it could not hear anybody, so silence says nothing.
    if (nowMs - dueMs > sessionTimeoutMs / 2 && current !== null) this.#sessions.reset(current, nowMs)
    this.#endSessions()
  }

  #endSessions(): void {
    const { env, fence } = this.#options
    const nowMs = env.clock.monoMs()
    for (const { brokerId, brokerEpoch, lastHeardMs } of this.#sessions.expired(nowMs)) {
      env.log.warn({ broker: brokerId, silentMs: Math.round(nowMs - lastHeardMs) }, 'fencing a broker')
      fence({ brokerId, brokerEpoch })
    }
    this.#arm()
  }

  #arm(): void {
    const dueMs = this.#sessions.nextDeadlineMs()
    if (dueMs !== null) this.#armFor(dueMs)
  }

  /** For a session that has just begun or been put off: the others need not be looked at. */
  #armForWholeSession(nowMs: number): void {
    this.#armFor(nowMs + this.#options.sessionTimeoutMs)
  }

  /** Heartbeats only put deadlines off: then the timer that is armed finds nothing, and is armed again. */
  #armFor(dueMs: number): void {
    if (!this.#isActive || dueMs >= this.#timerDueMs) return
    const { clock, timers } = this.#options.env
    if (this.#timer !== null) timers.cancel(this.#timer)
    this.#timerDueMs = dueMs
    this.#timer = timers.after(Math.max(0, dueMs - clock.monoMs()), () => {
      this.#timer = null
      this.#timerDueMs = Infinity
      this.#onTimer(dueMs)
    })
  }
}
