/**
 * One direction of a connection: segments on their way, in order, with what TCP does when they are lost. A cut loses
 * what would arrive; the sender's kernel tries again with growing pauses, so that bytes held by a cut come some time
 * after it heals.
 *
 * Owns: the segments between two kernels. Must not know: what the ends do with them.
 */
import type { SimEvent } from '../kernel/event-heap.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { EventKind } from '../kernel/trace.ts'
import type { Link } from './link.ts'
import type { NetworkProfile } from './network-profile.ts'
import { wireBytes, type Segment } from './segment.ts'

export interface FlowEnds {
  /** A machine without power takes nothing. */
  receiverIsUp(): boolean
  /** Told once when the receiver's machine is up again. */
  whenReceiverUp(tell: () => void): void
  onArrive(segment: Segment): void
  /** The sender's kernel gives up: too long without an answer. */
  onGiveUp(): void
}

interface InFlight {
  readonly segment: Segment
  arriveMs: number
}

export class Flow {
  readonly #scheduler: Scheduler
  readonly #link: Link
  readonly #profile: NetworkProfile
  readonly #ends: FlowEnds
  #inFlight: InFlight[] = []
  #arrival: SimEvent | null = null
  #lastArriveMs = 0
  /** When the oldest segment was first lost; null while segments pass. */
  #lostSinceMs: number | null = null
  #giveUp: SimEvent | null = null
  #lastSendStep = -1

  constructor(scheduler: Scheduler, link: Link, profile: NetworkProfile, ends: FlowEnds) {
    this.#scheduler = scheduler
    this.#link = link
    this.#profile = profile
    this.#ends = ends
  }

  /** @param delayMs on top of the link's latency */
  send(segment: Segment, delayMs = 0): void {
    const { nowMs, steps } = this.#scheduler
    if (this.#joinsLast(segment, steps)) return
    this.#lastSendStep = steps
    const arriveMs = this.#link.arrivalMs(nowMs, wireBytes(segment)) + delayMs
    this.#lastArriveMs = Math.max(this.#lastArriveMs, arriveMs)
    this.#inFlight.push({ segment, arriveMs: this.#lastArriveMs })
    if (this.#lostSinceMs !== null) return
    if (this.#passes()) this.#expect()
    else this.#lose()
  }

  /** The sender's machine lost power: what the wire does not hold yet never comes. */
  abandon(): void {
    if (this.#lostSinceMs !== null) this.clear()
  }

  /** Nothing that is on its way arrives. */
  clear(): void {
    this.#inFlight = []
    this.#found()
    if (this.#arrival !== null) this.#scheduler.cancel(this.#arrival)
    this.#arrival = null
  }

  /** Bytes written in the same step leave in one packet. */
  #joinsLast(segment: Segment, step: number): boolean {
    const last = this.#inFlight.at(-1)
    if (last === undefined || this.#lastSendStep !== step) return false
    if (segment.kind !== 'data' || last.segment.kind !== 'data') return false
    const bytes = Buffer.concat([last.segment.bytes, segment.bytes])
    this.#inFlight[this.#inFlight.length - 1] = {
      segment: { kind: 'data', bytes },
      arriveMs: last.arriveMs,
    }
    return true
  }

  #passes(): boolean {
    return !this.#link.isCut && this.#ends.receiverIsUp()
  }

  #expect(): void {
    if (this.#arrival !== null || this.#inFlight.length === 0) return
    const delayMs = this.#inFlight[0]!.arriveMs - this.#scheduler.nowMs
    this.#arrival = this.#scheduler.schedule(delayMs, EventKind.arrive, null, () => this.#arrive())
  }

  #arrive(): void {
    this.#arrival = null
    const { nowMs } = this.#scheduler
    if (!this.#passes()) return this.#lose()
    this.#found()
    if (this.#link.clogUntilMs > nowMs) {
      this.#inFlight[0]!.arriveMs = this.#link.clogUntilMs
      return this.#expect()
    }
    const { segment } = this.#inFlight.shift()!
    const next = this.#inFlight[0]
    if (next !== undefined) next.arriveMs = Math.max(next.arriveMs, nowMs)
    this.#expect()
    this.#ends.onArrive(segment)
  }

  /** The oldest segment is lost: waits until the way is open again. */
  #lose(): void {
    // Resets are not sent twice.
    this.#inFlight = this.#inFlight.filter(({ segment }) => segment.kind !== 'rst')
    if (this.#inFlight.length === 0) return this.clear()
    if (this.#lostSinceMs === null) {
      this.#lostSinceMs = this.#scheduler.nowMs
      this.#giveUp = this.#scheduler.schedule(this.#profile.retransmitLimitMs, EventKind.arrive, null, () => {
        this.clear()
        this.#ends.onGiveUp()
      })
    }
    if (this.#arrival !== null) this.#scheduler.cancel(this.#arrival)
    this.#arrival = null
    const tell = (): void => this.#tryAgain()
    if (this.#link.isCut) this.#link.whenHealed(tell)
    else this.#ends.whenReceiverUp(tell)
  }

  /** The way may be open: the next retransmission finds out. */
  #tryAgain(): void {
    if (this.#lostSinceMs === null || this.#arrival !== null) return
    const { retransmitMs, retransmitMsMax } = this.#profile
    const { nowMs } = this.#scheduler
    let tryMs = this.#lostSinceMs
    for (let pauseMs = retransmitMs; tryMs <= nowMs; pauseMs = Math.min(2 * pauseMs, retransmitMsMax)) {
      tryMs += pauseMs
    }
    for (const inFlight of this.#inFlight) inFlight.arriveMs = Math.max(inFlight.arriveMs, tryMs)
    this.#lastArriveMs = Math.max(this.#lastArriveMs, tryMs)
    this.#expect()
  }

  #found(): void {
    this.#lostSinceMs = null
    if (this.#giveUp !== null) this.#scheduler.cancel(this.#giveUp)
    this.#giveUp = null
  }
}
