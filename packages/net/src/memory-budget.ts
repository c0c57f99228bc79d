/**
 * How much memory the requests that are arriving may take together.
 *
 * Owns: the count, and who waits. Must not know: sockets, frames.
 * Invariant: at most one owner at a time may go beyond `maxBytes`. Without that one, connections that each hold a
 * part of a large frame could use the budget up and wait for each other for ever.
 */

/** What a frame reader asks before it takes memory in advance. */
export interface MemoryBudget {
  mayTake(bytes: number): boolean
  take(bytes: number): void
  give(bytes: number): void
}

export const UNLIMITED_MEMORY: MemoryBudget = {
  mayTake: () => true,
  take() {},
  give() {},
}

export class RequestMemory {
  readonly #maxBytes: number
  readonly #onRoom: () => void
  readonly #waiting = new Set<MemoryAccount>()
  #usedBytes = 0
  #exceeding: MemoryAccount | null = null

  /** @param onRoom called when accounts that had to wait may go on */
  constructor(maxBytes: number, onRoom: () => void) {
    this.#maxBytes = maxBytes
    this.#onRoom = onRoom
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** @param resume runs when this account had to wait and may go on */
  account(resume: () => void): MemoryAccount {
    return new MemoryAccount(this, resume)
  }

  /** Lets accounts go on, in the order in which they began to wait, while there is room. */
  resumeWaiting(): void {
    for (const account of this.#waiting) {
      if (!this.admits(account)) return
      this.#waiting.delete(account)
      account.resume()
    }
  }

  /** Whether this account may receive more; one account becomes the one that may exceed the budget. */
  admits(account: MemoryAccount): boolean {
    if (this.#usedBytes < this.#maxBytes) return true
    this.#exceeding ??= account
    return this.#exceeding === account
  }

  wait(account: MemoryAccount): void {
    this.#waiting.add(account)
  }

  /** The account holds no part of a frame any more, or its connection is gone. */
  finish(account: MemoryAccount, gone: boolean): void {
    if (gone) this.#waiting.delete(account)
    if (this.#exceeding === account) this.#exceeding = null
    else if (this.#usedBytes >= this.#maxBytes) return
    if (this.#waiting.size > 0) this.#onRoom()
  }

  mayTake(account: MemoryAccount, bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#maxBytes || this.#exceeding === account
  }

  add(bytes: number): void {
    this.#usedBytes += bytes
  }
}

/** The share of one connection. */
export class MemoryAccount implements MemoryBudget {
  readonly resume: () => void
  readonly #memory: RequestMemory
  constructor(memory: RequestMemory, resume: () => void) {
    this.#memory = memory
    this.resume = resume
  }

  mayTake(bytes: number): boolean {
    return this.#memory.mayTake(this, bytes)
  }

  take(bytes: number): void {
    this.#memory.add(bytes)
  }

  give(bytes: number): void {
    this.#memory.add(-bytes)
  }

  /** @returns false: stop reading, `resume` will be called */
  admits(): boolean {
    if (this.#memory.admits(this)) return true
    this.#memory.wait(this)
    return false
  }

  finish(gone: boolean): void {
    this.#memory.finish(this, gone)
  }
}
