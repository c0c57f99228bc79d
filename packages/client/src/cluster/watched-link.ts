/**
 * A link that notices when the other side has gone silent: requests wait, and nothing at all comes back. A process that
 * stands still, or a network that swallows everything, looks like that; the connection stays open for minutes.
 *
 * Must not know: what is done about it.
 */
import type { ClientEnv, TimerId } from '@millrace/base'
import type { ApiName, RequestInputOf, ResponseOf } from '@millrace/protocol'
import type { Link, RequestOptions, Wire } from './link.ts'

/** Longer than any broker that works takes to say something, much shorter than what a request may take. */
const SILENCE_MS = 1000
/** Told again while it lasts: the cluster needs a while to give such a broker up, and that is what is waited for. */
const STILL_SILENT_MS = 250

export class WatchedLink implements Link {
  readonly #link: Link
  readonly #env: Pick<ClientEnv, 'clock' | 'timers'>
  readonly #onSilent: () => void
  #waiting = 0
  /** When something was last heard, or the first of those that wait was sent. */
  #heardAtMs = 0
  #timer: TimerId | null = null

  /** @param onSilent again and again while it lasts */
  constructor(link: Link, env: Pick<ClientEnv, 'clock' | 'timers'>, onSilent: () => void) {
    this.#link = link
    this.#env = env
    this.#onSilent = onSilent
  }

  get wire(): Wire {
    return this.#link.wire
  }

  get isOpen(): boolean {
    return this.#link.isOpen
  }

  /** Requests wait, and nothing has come back for a while. */
  get isSilent(): boolean {
    return this.#waiting > 0 && this.#env.clock.monoMs() - this.#heardAtMs >= SILENCE_MS
  }

  async request<Name extends ApiName>(
    api: Name,
    body: RequestInputOf<Name>,
    options: RequestOptions,
  ): Promise<ResponseOf<Name>> {
    // A fetch is meant to wait: its patience begins when that is over.
    const graceMs = api === 'Fetch' ? (body as RequestInputOf<'Fetch'>).maxWaitMs : 0
    this.#begin(graceMs)
    try {
      return await this.#link.request(api, body, options)
    } finally {
      this.#waiting -= 1
      this.#heardAtMs = this.#env.clock.monoMs()
      if (this.#waiting === 0) this.#disarm()
    }
  }

  send<Name extends ApiName>(api: Name, body: RequestInputOf<Name>): Promise<void> {
    return this.#link.send(api, body)
  }

  close(): void {
    this.#disarm()
    this.#link.close()
  }

  #begin(graceMs: number): void {
    if (this.#waiting === 0) this.#heardAtMs = this.#env.clock.monoMs() + graceMs
    this.#waiting += 1
    if (this.#timer === null) this.#arm(graceMs + SILENCE_MS)
  }

  #arm(delayMs: number): void {
    this.#timer = this.#env.timers.after(delayMs, () => {
      this.#timer = null
      if (this.#waiting === 0) return
      const silentMs = this.#env.clock.monoMs() - this.#heardAtMs
      if (silentMs >= SILENCE_MS) this.#onSilent()
      this.#arm(silentMs >= SILENCE_MS ? STILL_SILENT_MS : SILENCE_MS - silentMs)
    })
  }

  #disarm(): void {
    if (this.#timer !== null) this.#env.timers.cancel(this.#timer)
    this.#timer = null
  }
}
