/**
 * The end of a shard's turns: what is due there runs in one go, with what it makes due in turn. An answer that a replica's
 * session gives at the end of a turn leaves with that turn; a round of the event loop of its own for each step from
 * the append to the socket would cost more than the step.
 *
 * Owns: what is due. Must not know: what it does.
 * Invariants: callbacks run in the order in which they were asked for, never inside the call that asks; one that throws
 * keeps none from running. Whoever wants other events to come first, because it has much to do, needs a timer.
 */
import type { Timers } from '@millrace/base'

/** @returns timers whose `endOfTurn` does so */
export function withTurnEnd(timers: Timers): Timers {
  let due: (() => void)[] = []
  const schedule = (): void => timers.endOfTurn(run)

  function run(): void {
    let done = 0
    try {
      while (done < due.length) due[done++]!()
    } finally {
      due = due.slice(done)
      if (due.length > 0) schedule()
    }
  }

  return {
    after: (delayMs, callback) => timers.after(delayMs, callback),
    cancel: (timer) => timers.cancel(timer),
    endOfTurn(callback) {
      if (due.push(callback) === 1) schedule()
    },
  }
}
