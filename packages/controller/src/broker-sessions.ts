/**
 * Which broker processes were heard from when, and whose session has ended (KIP-631).
 *
 * Owns: one session per broker id, always of the newest process that was heard of.
 * Must not know: the clock. Every method is told the time, in milliseconds of a clock that never goes back.
 * Invariants: only the process that a session belongs to extends it; a session ends once, until its process is heard
 * again.
 *
 * Fast fencing: `gone` ends a session early, on evidence that is no proof. When the process is heard from after all, the
 * next guess about it has to stand for a while before the session ends, and twice as long after each further wrong one,
 * up to a whole session; a broker that guesses keep failing for is judged by its session alone.
 */
import { assert, NO_OFFSET, type NodeId, type Offset } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import type { RequestOf } from '@millrace/protocol'
import type { LiveSessions } from './decision.ts'
import type { BrokerProcess } from './fence-broker.ts'

export interface BrokerSessionsConfig {
  /** `broker.session.timeout.ms` */
  readonly sessionTimeoutMs: number
  /** How long the guess after a first wrong one has to stand. */
  readonly wrongGuessDelayMs: number
  /** After how much time without a wrong guess the earlier ones are forgotten. */
  readonly wrongGuessForgottenMs: number
}

export interface EndedSession extends BrokerProcess {
  readonly lastHeardMs: number
}

interface Session {
  readonly brokerEpoch: number
  lastHeardMs: number
  /** When it ends, or, after it has ended, when that is told once more. Infinity: it has been told. */
  deadlineMs: number
  hasEnded: boolean
  appliedOffset: Offset
  shutdownOffset: Offset
  /** The process was called gone, and has not been heard from since. */
  guessedGone: boolean
  /** How long a guess has to stand. */
  guessDelayMs: number
  wrongGuessMs: number
}

const TOLD = Number.POSITIVE_INFINITY

export class BrokerSessions {
  readonly #config: BrokerSessionsConfig
  readonly #sessions = new Map<NodeId, Session>()

  constructor(config: BrokerSessionsConfig) {
    assert(config.sessionTimeoutMs > 0 && config.wrongGuessDelayMs > 0, 'sessions last for some time')
    this.#config = config
  }

  /**
   * For a controller that becomes active: whoever is not fenced gets a whole session, because the controller before may
   * have heard from it a moment ago.
   */
  reset(image: MetadataImage, nowMs: number): void {
    this.#sessions.clear()
    for (const { id, epoch, fenced, inControlledShutdown } of image.brokers.values()) {
      if (fenced) continue
      const session = this.#begin(id, epoch, nowMs)
      if (inControlledShutdown) session.shutdownOffset = image.position.lastOffset
    }
  }

  /** A registration was accepted. */
  registered({ brokerId, brokerEpoch }: BrokerProcess, nowMs: number): void {
    this.#hear(brokerId, brokerEpoch, nowMs)
  }

  /**
   * A heartbeat was accepted: call it as soon as the heartbeat has been decided on, so that one which arrived before the
   * evidence of `gone` does not count as a sign of life after it.
   * @param decidedOffset last offset of the records that it led to; null when there were none
   */
  heard(heartbeat: RequestOf<'BrokerHeartbeat'>, decidedOffset: Offset | null, nowMs: number): void {
    const session = this.#hear(heartbeat.brokerId, heartbeat.brokerEpoch, nowMs)
    if (session === null) return
    session.appliedOffset = heartbeat.currentMetadataOffset
    if (heartbeat.wantShutDown && decidedOffset !== null) session.shutdownOffset = decidedOffset
  }

  /**
   * The process seems to have ended: its connection was reset and nobody listens where it did (fast fencing). `expired`
   * names it, at once or after a while: see `nextDeadlineMs`.
   */
  gone({ brokerId, brokerEpoch }: BrokerProcess, nowMs: number): void {
    const session = this.#sessions.get(brokerId)
    if (session === undefined || session.brokerEpoch !== brokerEpoch || session.hasEnded) return
    if (nowMs - session.wrongGuessMs >= this.#config.wrongGuessForgottenMs) session.guessDelayMs = 0
    session.guessedGone = true
    session.deadlineMs = Math.min(session.deadlineMs, nowMs + session.guessDelayMs)
  }

  /** It could not be fenced although its session has ended: `expired` names it again after another session. */
  fencingFailed({ brokerId, brokerEpoch }: BrokerProcess, nowMs: number): void {
    const session = this.#sessions.get(brokerId)
    if (session?.brokerEpoch !== brokerEpoch || !session.hasEnded) return
    session.deadlineMs = nowMs + this.#config.sessionTimeoutMs
  }

  /** The broker was unregistered. */
  forget(brokerId: NodeId): void {
    this.#sessions.delete(brokerId)
  }

  /** Ends the sessions that are over, and names each of them this once. */
  expired(nowMs: number): EndedSession[] {
    const ended: EndedSession[] = []
    for (const [brokerId, session] of this.#sessions) {
      if (session.deadlineMs > nowMs) continue
      session.deadlineMs = TOLD
      session.hasEnded = true
      ended.push({ brokerId, brokerEpoch: session.brokerEpoch, lastHeardMs: session.lastHeardMs })
    }
    return ended
  }

  /**
   * When the next session may end; null while there is none. Heartbeats only put it off, so a timer that is set need not
   * be set again for them; the other methods may bring it nearer.
   */
  nextDeadlineMs(): number | null {
    let next = TOLD
    for (const { deadlineMs } of this.#sessions.values()) next = Math.min(next, deadlineMs)
    return next === TOLD ? null : next
  }

  /** Null when the controller has not heard from it since it became active. */
  lastHeardMs(brokerId: NodeId): number | null {
    return this.#sessions.get(brokerId)?.lastHeardMs ?? null
  }

  /** What decisions may know at this time. */
  at(nowMs: number): LiveSessions {
    const alive = (brokerId: NodeId, brokerEpoch: number): Session | null => {
      const session = this.#sessions.get(brokerId)
      if (session === undefined || session.brokerEpoch !== brokerEpoch) return null
      return !session.hasEnded && session.deadlineMs > nowMs ? session : null
    }
    return {
      isAlive: (brokerId, brokerEpoch) => alive(brokerId, brokerEpoch) !== null,
      appliedOffset: (brokerId, brokerEpoch) => alive(brokerId, brokerEpoch)?.appliedOffset ?? null,
      shutdownOffset: (brokerId, brokerEpoch) => alive(brokerId, brokerEpoch)?.shutdownOffset ?? NO_OFFSET,
    }
  }

  /** @returns null for a process that another one of the same broker has replaced */
  #hear(brokerId: NodeId, brokerEpoch: number, nowMs: number): Session | null {
    const session = this.#sessions.get(brokerId)
    if (session === undefined || session.brokerEpoch < brokerEpoch) {
      return this.#begin(brokerId, brokerEpoch, nowMs)
    }
    if (session.brokerEpoch > brokerEpoch) return null
    if (session.guessedGone) {
      const { sessionTimeoutMs, wrongGuessDelayMs } = this.#config
      session.guessedGone = false
      session.wrongGuessMs = nowMs
      session.guessDelayMs = Math.min(sessionTimeoutMs, Math.max(wrongGuessDelayMs, session.guessDelayMs * 2))
    }
    session.lastHeardMs = nowMs
    session.deadlineMs = nowMs + this.#config.sessionTimeoutMs
    session.hasEnded = false
    return session
  }

  #begin(brokerId: NodeId, brokerEpoch: number, nowMs: number): Session {
    const session: Session = {
      brokerEpoch,
      lastHeardMs: nowMs,
      deadlineMs: nowMs + this.#config.sessionTimeoutMs,
      hasEnded: false,
      appliedOffset: NO_OFFSET,
      shutdownOffset: NO_OFFSET,
      guessedGone: false,
      guessDelayMs: 0,
      wrongGuessMs: Number.NEGATIVE_INFINITY,
    }
    this.#sessions.set(brokerId, session)
    return session
  }
}
