/**
 * Whether the process that listened at an address is gone: nothing accepts there, twice in a row, a moment apart. Only a
 * refusal counts. Silence, an unreachable host or a slow answer may as well be the network's fault.
 */
import type { Endpoint, Net, Timers } from '@millrace/base'

interface GoneCheckEnv {
  readonly net: Net
  readonly timers: Timers
}

/** A machine that is alive refuses or accepts at once; later answers say nothing. */
const DIAL_TIMEOUT_MS = 250
const REFUSALS_NEEDED = 2
/**
 * A process that is killed closes its sockets one after another: that its connections are gone may be seen while its port
 * still accepts.
 */
const ATTEMPTS_MAX = 5

/** @param pauseMs between two attempts. @returns false when it can't be told */
export async function isProcessGone(
  env: GoneCheckEnv,
  endpoint: Endpoint,
  pauseMs: number,
): Promise<boolean> {
  let refusals = 0
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (attempt > 0) await new Promise<void>((resolve) => env.timers.after(pauseMs, resolve))
    refusals = (await isRefused(env, endpoint)) ? refusals + 1 : 0
    if (refusals === REFUSALS_NEEDED) return true
  }
  return false
}

function isRefused({ net, timers }: GoneCheckEnv, endpoint: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const conn = net.dial(endpoint, {
      onOpen: () => conn.destroy(),
      onData() {},
      onClose(reason) {
        timers.cancel(timer)
        resolve(reason === 'refused')
      },
    })
    const timer = timers.after(DIAL_TIMEOUT_MS, () => conn.destroy())
  })
}
