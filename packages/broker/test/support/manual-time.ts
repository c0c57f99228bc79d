/** Virtual time for brokers whose disk is real: turns end as the event loop has them, and the wall clock is today's. */
import { VirtualTime } from './virtual-time.ts'

export class ManualTime extends VirtualTime {
  override wallNowMs = Date.now()

  override endOfTurn(callback: () => void): void {
    setImmediate(callback)
  }
}
