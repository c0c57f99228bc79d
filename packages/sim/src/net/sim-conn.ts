/**
 * One end of a simulated TCP connection, for the process that has it.
 *
 * Owns: bytes that wait to be sent, bytes that wait to be read, why it ends. Bytes are copied when the kernel takes
 * them, and handed to `onData` in memory that is overwritten right after, in pieces of any size.
 * Invariants: `onClose` runs exactly once and last; no `onData` after this side ended; every `onWritten` runs once;
 * no callback runs inside the call that caused it.
 */
import { assert, type CloseReason, type Conn, type ConnEvents, type Endpoint, type Rng } from '@millrace/base'
import type { Incarnation } from '../kernel/incarnation.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { EventKind } from '../kernel/trace.ts'
import type { Flow } from './flow.ts'
import { Inbox } from './inbox.ts'
import type { NetworkProfile } from './network-profile.ts'
import { Outbox } from './outbox.ts'
import type { Segment } from './segment.ts'

export interface SimConnOptions {
  readonly scheduler: Scheduler
  readonly profile: NetworkProfile
  readonly owner: Incarnation
  /** Of this end's machine. */
  readonly rng: Rng
  /** Read by all connections of the process, one after the other. */
  readonly receiveBuffer: Buffer
  readonly local: Endpoint
  readonly remote: Endpoint
  /** Null until the process has accepted the connection. */
  readonly events: ConnEvents | null
  readonly onClosed: (conn: SimConn) => void
}

export class SimConn implements Conn {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly owner: Incarnation
  readonly #options: SimConnOptions
  readonly #scheduler: Scheduler
  #events: ConnEvents | null
  /** The other end, once there is one. */
  #peer: SimConn | null = null
  #out: Flow | null = null
  readonly #outbox = new Outbox()
  readonly #inbox = new Inbox()
  /** Taken by this kernel and not yet consumed by the reader at the other end. */
  #inPipeBytes = 0
  #open = false
  #paused = false
  #closed = false
  /** First cause of the end. */
  #reason: CloseReason | null = null
  #finArrived = false
  #resetArrived = false
  #deliverDue = false
  #writtenDue = false
  #nextTarget: Buffer | undefined
  #onDialEnd: (() => void) | null = null

  constructor(options: SimConnOptions) {
    this.#options = options
    this.#scheduler = options.scheduler
    this.local = options.local
    this.remote = options.remote
    this.owner = options.owner
    this.#events = options.events
  }

  /* ------------------------------------------------------------ Conn */

  get pendingBytes(): number {
    return this.#outbox.bytes
  }

  write(chunks: readonly Uint8Array[], onWritten?: () => void): boolean {
    this.owner.assertAlive()
    if (this.#resetArrived) this.#finish('reset')
    if (this.#reason !== null || chunks.length === 0) {
      if (onWritten !== undefined) this.#scheduler.schedule(0, EventKind.written, this.owner, onWritten)
      return this.#reason === null
    }
    const ready = this.#outbox.add(chunks, onWritten)
    if (this.#open) this.#transmit()
    return ready
  }

  pause(): void {
    this.owner.assertAlive()
    this.#paused = true
  }

  resume(): void {
    this.owner.assertAlive()
    if (!this.#paused) return
    this.#paused = false
    this.#deliverSoon()
  }

  end(): void {
    this.owner.assertAlive()
    this.#reason ??= 'local'
    if (!this.#open || this.#outbox.isEmpty) this.#leave()
  }

  destroy(): void {
    this.owner.assertAlive()
    this.#reason ??= 'local'
    this.#leave()
  }

  /* ------------------------------------------------------------ the network's side */

  get isOpen(): boolean {
    return this.#open && !this.#closed
  }

  get isClosed(): boolean {
    return this.#closed
  }

  get peer(): SimConn | null {
    return this.#peer
  }

  connect(peer: SimConn, out: Flow): void {
    this.#peer = peer
    this.#out = out
  }

  /** The process took a connection from its listener. */
  accept(events: ConnEvents): void {
    this.#events = events
    if (this.#inbox.bytes > 0 || this.#finArrived || this.#resetArrived) this.#deliverSoon()
  }

  /** Told once the dial has an outcome. */
  whenDialEnds(tell: () => void): void {
    this.#onDialEnd = tell
  }

  /** An accepted connection may be written from the start. */
  markOpen(): void {
    this.#open = true
  }

  onArrive(segment: Segment): void {
    switch (segment.kind) {
      case 'syn-ack':
        return this.#opened()
      case 'window':
        return this.#transmit()
      case 'rst':
        return this.#reset()
      case 'data':
        if (this.#closed) return this.#out?.send({ kind: 'rst' })
        // Nobody reads any more; the kernel takes and forgets it.
        if (this.#reason !== null) return this.#consumed(segment.bytes.length)
        this.#inbox.add(segment.bytes)
        return this.#deliverNow()
      case 'fin':
        if (this.#closed) return
        this.#finArrived = true
        return this.#deliverNow()
    }
  }

  /** The kernel's part of an end that the process did not ask for. */
  fail(reason: CloseReason): void {
    if (this.#closed) return
    this.#finish(reason)
  }

  /** The process is gone; its kernel closes for it. */
  onProcessDeath(): void {
    this.#leave()
  }

  /** The machine is gone: nobody says good-bye. */
  onPowerCut(): void {
    this.#closed = true
    this.#dialEnded()
    this.#out?.abandon()
    this.#options.onClosed(this)
  }

  /** The connection breaks, as when a box in between forgets it. */
  breakOff(): void {
    this.#out?.clear()
    this.#reset()
  }

  /* ------------------------------------------------------------ sending */

  #transmit(): void {
    if (this.#closed || this.#out === null || this.#outbox.isEmpty) return
    const room = this.#options.profile.pipeBytes - this.#inPipeBytes
    const bytes = this.#outbox.take(room)
    if (bytes !== null) {
      this.#inPipeBytes += bytes.length
      if (bytes.length > 0) this.#out.send({ kind: 'data', bytes })
    }
    if (this.#outbox.hasWritten) this.#writtenSoon()
    if (this.#reason === 'local' && this.#outbox.isEmpty) this.#leave()
  }

  #writtenSoon(): void {
    if (this.#writtenDue) return
    this.#writtenDue = true
    this.#scheduler.schedule(0, EventKind.written, this.owner, () => {
      this.#writtenDue = false
      const { callbacks, drained } = this.#outbox.takeWritten()
      for (const callback of callbacks) callback()
      if (drained && this.#reason === null) this.#events?.onDrain?.()
    })
  }

  /* ------------------------------------------------------------ receiving */

  #opened(): void {
    if (this.#closed || this.#open) return
    this.#open = true
    this.#dialEnded()
    this.#asOwner(EventKind.dial, () => {
      if (this.#reason !== null) return
      this.#nextTarget = this.#events?.receiveBuffer?.()
      this.#events?.onOpen?.()
    })
    this.#transmit()
  }

  #deliverNow(): void {
    // The split is drawn here, so that what a paused process gets later is as chopped as the rest.
    if (this.#deliverDue || this.#paused || this.#events === null) return
    if (this.#scheduler.canEnter(this.owner)) {
      this.#scheduler.enter(this.owner)
      this.#deliver()
    } else {
      this.#deliverSoon()
    }
  }

  #deliverSoon(delayMs = 0): void {
    if (this.#deliverDue || this.#closed) return
    this.#deliverDue = true
    this.#scheduler.schedule(delayMs, EventKind.deliver, this.owner, () => {
      this.#deliverDue = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#closed || this.#paused || this.#events === null) return
    if (this.#resetArrived) return this.#finish('reset')
    if (this.#inbox.bytes > 0 && this.#reason === null) this.#read(this.#events)
    if (this.#closed || this.#paused) return
    if (this.#inbox.bytes > 0 && this.#reason === null) {
      this.#deliverSoon(this.#options.rng.below(2))
    } else if (this.#finArrived && this.#inbox.bytes === 0) {
      this.#finish('eof')
    }
  }

  /** One read of what has arrived, or of a part. */
  #read(events: ConnEvents): void {
    const { profile, rng, receiveBuffer } = this.#options
    const available = this.#inbox.bytes
    const split = profile.splitOneIn > 0 && available > 1 && rng.below(profile.splitOneIn) === 0
    const target = this.#nextTarget ?? receiveBuffer
    const wanted = split ? 1 + rng.below(available - 1) : available
    const chunk = target.subarray(0, Math.min(wanted, target.length))
    assert(chunk.length > 0, 'a receive buffer without room')
    this.#inbox.take(chunk)
    this.#scheduler.trace.bytes(chunk)
    this.#note(chunk.length)
    this.#consumed(chunk.length)
    events.onData(chunk)
    if (target === receiveBuffer) chunk.fill(POISON)
    // Asked after each read, for the next, as Node does.
    this.#nextTarget = this.#reason === null && !this.#closed ? events.receiveBuffer?.() : undefined
  }

  /** Room in the pipe; the writer hears of it when it waits. */
  #consumed(bytes: number): void {
    const peer = this.#peer
    if (peer === null) return
    peer.#inPipeBytes -= bytes
    if (!peer.#outbox.isEmpty && !peer.#closed) this.#out?.send({ kind: 'window' })
  }

  #note(bytes: number): void {
    const { trace, nowMs } = this.#scheduler
    if (!trace.isRecording) return
    const route = `${this.remote.host}:${this.remote.port} → ${this.local.host}:${this.local.port}`
    trace.line(nowMs, EventKind.data, this.owner.node, `${route} ${bytes} bytes`)
  }

  /* ------------------------------------------------------------ the end */

  #reset(): void {
    if (this.#closed) return
    this.#inbox.clear()
    if (!this.#open) return this.#finish('refused')
    // Node does not watch a socket that it does not read: it hears of the reset when it reads or writes again.
    this.#resetArrived = true
    if (!this.#paused) this.#finish('reset')
  }

  /** This side goes: a reset when it left bytes unread, else an orderly end. */
  #leave(): void {
    if (this.#closed) return
    const { rng, profile } = this.#options
    const delayMs = rng.below(profile.closeDelayMsMax * 1024 + 1) / 1024
    this.#out?.send({ kind: this.#inbox.bytes > 0 ? 'rst' : 'fin' }, delayMs)
    this.#finish('local')
  }

  #finish(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    this.#reason ??= reason
    this.#dialEnded()
    this.#inbox.clear()
    this.#options.onClosed(this)
    if (!this.owner.alive) return
    this.#scheduler.schedule(0, EventKind.close, this.owner, () => {
      const final = this.#reason ?? reason
      for (const callback of this.#outbox.dropAll()) callback()
      this.#recordClose(final)
      this.#events?.onClose(final)
    })
  }

  #recordClose(reason: CloseReason): void {
    const { trace, nowMs } = this.#scheduler
    if (!trace.isRecording) return
    const route = `${this.local.host}:${this.local.port} — ${this.remote.host}:${this.remote.port}`
    trace.line(nowMs, EventKind.close, this.owner.node, `${route} ${reason}`)
  }

  #dialEnded(): void {
    this.#onDialEnd?.()
    this.#onDialEnd = null
  }

  #asOwner(kind: EventKind, run: () => void): void {
    if (this.#scheduler.canEnter(this.owner)) {
      this.#scheduler.enter(this.owner)
      run()
    } else {
      this.#scheduler.schedule(0, kind, this.owner, run)
    }
  }
}

const POISON = 0xdb
