/** Appends that wait for the high watermark, by rising end offset. */
import { assert } from '@millrace/base'
import type { Offset } from '@millrace/base'
import type { AckWait } from './message.ts'

const NONE: readonly AckWait[] = []

export class AckWaits {
  #waits: AckWait[] = []

  get isEmpty(): boolean {
    return this.#waits.length === 0
  }

  add(wait: AckWait): void {
    const last = this.#waits.at(-1)
    assert(last === undefined || last.endOffset <= wait.endOffset, 'waits come in the order of the log')
    this.#waits.push(wait)
  }

  /** @returns those that end at or below `highWatermark` */
  takeBelow(highWatermark: Offset): readonly AckWait[] {
    const waits = this.#waits
    let count = 0
    while (count < waits.length && waits[count]!.endOffset <= highWatermark) count += 1
    if (count === 0) return NONE
    return count === waits.length ? this.takeAll() : waits.splice(0, count)
  }

  takeAll(): readonly AckWait[] {
    const waits = this.#waits
    this.#waits = []
    return waits
  }
}
