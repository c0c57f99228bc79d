/**
 * `for await` over messages and over batches. What is there already is handed out without waiting: per message one
 * resolved promise, nothing else.
 */
import type { Message } from '../message.ts'
import { MessageBatch } from '../message-batch.ts'
import type { Delivery } from './delivery.ts'
import type { OpenBatch } from './open-batch.ts'

export interface IterationHooks {
  /** What has to happen before the first item; null when it has. */
  readonly prepare: () => Promise<void> | null
  /** Called with every request for more; throws to end iteration. */
  readonly onNext: () => void
  /** The loop was left, or an error ended it. */
  readonly onEnd: () => void
}

/** Takes the next item out of a batch, or null behind its last. */
type Take<Key, Value, Item> = (batch: OpenBatch<Key, Value>, delivery: Delivery<Key, Value>) => Item | null

export function messageIterator<Key, Value>(
  delivery: Delivery<Key, Value>,
  hooks: IterationHooks,
): AsyncIterableIterator<Message<Key, Value>> {
  return new DeliveryIterator(delivery, hooks, takeMessage<Key, Value>)
}

export function batchIterator<Key, Value>(
  delivery: Delivery<Key, Value>,
  hooks: IterationHooks,
): AsyncIterableIterator<MessageBatch<Key, Value>> {
  return new DeliveryIterator(delivery, hooks, takeBatch<Key, Value>)
}

function takeMessage<Key, Value>(
  batch: OpenBatch<Key, Value>,
  delivery: Delivery<Key, Value>,
): Message<Key, Value> | null {
  const message = batch.next()
  if (message === null) delivery.finish(batch)
  else batch.cursor.advanceTo(message.offset + 1)
  return message
}

function takeBatch<Key, Value>(
  batch: OpenBatch<Key, Value>,
  delivery: Delivery<Key, Value>,
): MessageBatch<Key, Value> {
  delivery.finish(batch)
  return new MessageBatch(batch)
}

class DeliveryIterator<Key, Value, Item> implements AsyncIterableIterator<Item> {
  readonly #delivery: Delivery<Key, Value>
  readonly #hooks: IterationHooks
  readonly #take: Take<Key, Value, Item>
  /** The last call that has to wait; later ones queue up behind it. */
  #waiting: Promise<IteratorResult<Item>> | null = null
  #isDone = false

  constructor(delivery: Delivery<Key, Value>, hooks: IterationHooks, take: Take<Key, Value, Item>) {
    this.#delivery = delivery
    this.#hooks = hooks
    this.#take = take
  }

  next(): Promise<IteratorResult<Item>> {
    if (this.#waiting === null) {
      try {
        const item = this.#isDone ? null : this.#takeNow()
        if (item !== null) return Promise.resolve({ done: false, value: item })
      } catch (error) {
        return Promise.reject(this.#failed(error))
      }
    }
    const waiting = this.#nextAfter(this.#waiting).finally(() => {
      if (this.#waiting === waiting) this.#waiting = null
    })
    this.#waiting = waiting
    return waiting
  }

  return(): Promise<IteratorResult<Item>> {
    this.#isDone = true
    this.#hooks.onEnd()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #takeNow(): Item | null {
    this.#hooks.onNext()
    for (;;) {
      const batch = this.#delivery.poll()
      if (batch === null) return null
      const item = this.#take(batch, this.#delivery)
      if (item !== null) return item
    }
  }

  async #nextAfter(before: Promise<unknown> | null): Promise<IteratorResult<Item>> {
    // Whoever asked before hears of its failure itself.
    if (before !== null) await before.catch(() => undefined)
    try {
      await this.#hooks.prepare()
      while (!this.#isDone) {
        const item = this.#takeNow()
        if (item !== null) return { done: false, value: item }
        if (!(await this.#delivery.wait())) break
      }
    } catch (error) {
      throw this.#failed(error)
    }
    return { done: true, value: undefined }
  }

  #failed(error: unknown): Error {
    this.#isDone = true
    this.#hooks.onEnd()
    return error as Error
  }
}
