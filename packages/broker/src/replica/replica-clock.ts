/**
 * Wakes replicas: leaders whose followers may be falling behind, followers whose fetch failed, leaders whose followers have
 * not heard how far the high watermark has come.
 *
 * Owns: one timer, which runs only while there is somebody to wake, so that idle replicas cost nothing.
 */
import type { TimerId, Timers } from '@millrace/base'
import type { ReplicaTicks, TickedReplica } from './replica-surroundings.ts'

/** A fetch that failed is tried again within so long: most of a failover that is not detection. */
const TICK_MS = 20
/**
 * How long a high watermark may wait for records to travel with. Told at once, it would cost each append of a quiet
 * partition a second round trip.
 */
const TELL_TICKS = 5

export class ReplicaClock implements ReplicaTicks {
  readonly #timers: Timers
  readonly #wantTick = new Set<TickedReplica>()
  readonly #untold = new Set<TickedReplica>()
  #timer: TimerId | null = null
  #ticks = 0

  constructor(timers: Timers) {
    this.#timers = timers
  }

  consider(replica: TickedReplica): void {
    if (replica.wantsTick) this.#wantTick.add(replica)
    else this.#wantTick.delete(replica)
    if (replica.hasUntoldHighWatermark) this.#untold.add(replica)
    else this.#untold.delete(replica)
    if (this.#timer === null && this.#hasWork) this.#timer = this.#timers.after(TICK_MS, () => this.#tick())
  }

  forget(replica: TickedReplica): void {
    this.#wantTick.delete(replica)
    this.#untold.delete(replica)
  }

  close(): void {
    if (this.#timer !== null) this.#timers.cancel(this.#timer)
    this.#timer = null
    this.#wantTick.clear()
    this.#untold.clear()
  }

  get #hasWork(): boolean {
    return this.#wantTick.size > 0 || this.#untold.size > 0
  }

  #tick(): void {
    this.#timer = null
    this.#ticks += 1
    for (const replica of [...this.#wantTick]) replica.tick()
    if (this.#ticks % TELL_TICKS === 0) for (const replica of [...this.#untold]) replica.tellHighWatermark()
    if (this.#timer === null && this.#hasWork) this.#timer = this.#timers.after(TICK_MS, () => this.#tick())
  }
}
