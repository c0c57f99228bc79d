/** Who waits until certain replicas have applied an offset. */
import type { NodeId, Offset, TimerId, Timers } from '@millrace/base'

interface AppliedWait {
  readonly offset: Offset
  readonly nodes: readonly NodeId[]
  readonly timer: TimerId
  readonly resolve: (isApplied: boolean) => void
}

/** Up to where each replica has applied what is committed, exclusive. */
export type AppliedOffsets = ReadonlyMap<NodeId, Offset>

export class AppliedWaits {
  readonly #timers: Timers
  readonly #waits = new Set<AppliedWait>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  get isEmpty(): boolean {
    return this.#waits.size === 0
  }

  /** @returns true once all nodes have applied the record at `offset`; false when they have not in time */
  wait(offset: Offset, nodes: readonly NodeId[], timeoutMs: number, now: AppliedOffsets): Promise<boolean> {
    if (haveApplied(nodes, offset, now)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = this.#timers.after(timeoutMs, () => this.#end(wait, false))
      const wait: AppliedWait = { offset, nodes, timer, resolve }
      this.#waits.add(wait)
    })
  }

  onProgress(now: AppliedOffsets): void {
    for (const wait of this.#waits) if (haveApplied(wait.nodes, wait.offset, now)) this.#end(wait, true)
  }

  /** Nobody reports to this replica any more. */
  giveUp(): void {
    for (const wait of this.#waits) this.#end(wait, false)
  }

  #end(wait: AppliedWait, isApplied: boolean): void {
    this.#waits.delete(wait)
    this.#timers.cancel(wait.timer)
    wait.resolve(isApplied)
  }
}

function haveApplied(nodes: readonly NodeId[], offset: Offset, now: AppliedOffsets): boolean {
  return nodes.every((node) => (now.get(node) ?? -1) > offset)
}
