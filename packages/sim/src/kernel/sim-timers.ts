import type { TimerId, Timers } from '@millrace/base'
import type { SimEvent } from './event-heap.ts'
import type { Incarnation } from './incarnation.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimClock } from './sim-clock.ts'
import { EventKind } from './trace.ts'

/** The timers of one process, by its machine's clock. */
export function simTimers(scheduler: Scheduler, clock: SimClock, owner: Incarnation): Timers {
  return {
    after(delayMs, callback) {
      owner.assertAlive()
      if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay')
      const event = scheduler.schedule(clock.trueMs(delayMs), EventKind.timer, owner, callback)
      return event as unknown as TimerId
    },
    cancel(timer) {
      owner.assertAlive()
      scheduler.cancel(timer as unknown as SimEvent)
    },
    endOfTurn(callback) {
      owner.assertAlive()
      scheduler.endOfTurn(owner, callback)
    },
  }
}
