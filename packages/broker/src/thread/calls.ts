/**
 * Typed calls over a port, both ways: what one side calls, the other implements. Frames of one turn of the event loop
 * leave as one message, because a message costs microseconds and a frame in it almost nothing.
 *
 * Owns: the calls that wait for an answer. Must not know: what is called.
 * Invariants: an answer settles its call exactly once; when the port closes, every waiting call rejects with
 * `PortClosedError` and every later one does so at once.
 */
import { assert } from '@millrace/base'
import type { Timers } from '@millrace/base'
import type { Port, Transfer } from './port.ts'

/** The other thread ended, or was told to, before it answered. */
export class PortClosedError extends Error {
  override readonly name = 'PortClosedError'
}

/** What the other side threw. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  /** errno name, where the cause had one. */
  readonly code: string | undefined
  constructor(message: string, code: string | undefined) {
    super(message)
    this.code = code
  }
}

/** One function per call, each with one cloneable argument and a cloneable answer. */
type CallTable<T> = { [Name in keyof T]: (argument: never) => unknown }
type Argument<F> = F extends (argument: infer A) => unknown ? A : never
type Answer<F> = F extends (argument: never) => infer R ? Awaited<R> : never
type Implementation<T> = { [Name in keyof T]: (argument: Argument<T[Name]>) => unknown }

type Frame =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'failure'
      readonly id: number
      readonly message: string
      readonly code: string | undefined
    }

/** An answer whose memory moves to the other thread instead of being cloned. */
export class Moved<T> {
  readonly value: T
  readonly transfer: readonly Transfer[]

  constructor(value: T, transfer: readonly Transfer[]) {
    this.value = value
    this.transfer = transfer
  }
}

interface WaitingCall {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Calls<Remote extends CallTable<Remote>, Local extends CallTable<Local>> {
  readonly #port: Port
  readonly #timers: Timers
  readonly #local: Implementation<Local>
  readonly #onClose: () => void
  readonly #waiting = new Map<number, WaitingCall>()
  #outbox: Frame[] = []
  #transfer: Transfer[] = []
  #nextId = 0
  #closed = false

  constructor(port: Port, timers: Timers, local: Implementation<Local>, onClose: () => void = () => {}) {
    this.#port = port
    this.#timers = timers
    this.#local = local
    this.#onClose = onClose
    port.listen(
      (message) => this.#onFrames(message as Frame[]),
      () => this.close(),
    )
  }

  /** @returns the other side's answer; rejects with `RemoteError` when it throws, `PortClosedError` when it ends */
  call<Name extends keyof Remote & string>(
    name: Name,
    argument: Argument<Remote[Name]>,
    transfer: readonly Transfer[] = [],
  ): Promise<Answer<Remote[Name]>> {
    if (this.#closed) return Promise.reject(new PortClosedError(`call ${name} after the thread ended`))
    const id = this.#nextId++
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send({ kind: 'call', id, name, argument }, transfer)
    }) as Promise<Answer<Remote[Name]>>
  }

  /** Ends the pipe; what waits is rejected. */
  close(): void {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#port.close()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const call of waiting) call.reject(new PortClosedError('the thread ended before it answered'))
    this.#onClose()
  }

  #send(frame: Frame, transfer: readonly Transfer[]): void {
    if (this.#closed) return
    if (this.#outbox.length === 0) this.#timers.endOfTurn(() => this.#flush())
    this.#outbox.push(frame)
    for (const moved of transfer) this.#transfer.push(moved)
  }

  #flush(): void {
    if (this.#closed || this.#outbox.length === 0) return
    const frames = this.#outbox
    const transfer = this.#transfer
    this.#outbox = []
    this.#transfer = []
    this.#port.post(frames, transfer)
  }

  #onFrames(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.kind === 'call') {
        void this.#answer(frame.id, frame.name, frame.argument)
        continue
      }
      const call = this.#waiting.get(frame.id)
      assert(call !== undefined, `an answer to call ${frame.id}, which nobody waits for`)
      this.#waiting.delete(frame.id)
      if (frame.kind === 'answer') call.resolve(frame.value)
      else call.reject(new RemoteError(frame.message, frame.code))
    }
  }

  async #answer(id: number, name: string, argument: unknown): Promise<void> {
    const implementation = this.#local as Record<string, (argument: unknown) => unknown>
    try {
      const value = await implementation[name]!(argument)
      if (value instanceof Moved) this.#send({ kind: 'answer', id, value: value.value }, value.transfer)
      else this.#send({ kind: 'answer', id, value }, [])
    } catch (error) {
      const { message, code } = error as Error & { readonly code?: string }
      this.#send({ kind: 'failure', id, message, code }, [])
    }
  }
}
