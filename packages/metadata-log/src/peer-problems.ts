/**
 * What is said in the log about a peer that gives no answer.
 *
 * Owns: since when it gives none, what was said last. Must not know: connections, requests.
 * Invariants: peers that are away for a moment, as in every start and stop of a cluster, are no warning; a peer that stays
 * away is one, and again only after a long while.
 */
import type { Clock, Endpoint, Log } from '@millrace/base'

export interface PeerProblemsOptions {
  readonly clock: Clock
  readonly log: Log
  readonly endpoint: Endpoint
}

const WARN_AFTER_MS = 10_000
const WARN_EVERY_MS = 600_000

export class PeerProblems {
  readonly #options: PeerProblemsOptions
  /** First and last failure in a row; null: the last request was answered. */
  #silence: { readonly sinceMs: number; lastMs: number } | null = null
  #warnedMs = -Infinity
  #lastWrongAnswer = ''

  constructor(options: PeerProblemsOptions) {
    this.#options = options
  }

  onAnswer(): void {
    this.#silence = null
    this.#lastWrongAnswer = ''
  }

  /** It could not be reached, or did not answer in time. */
  onSilence(problem: string): void {
    const nowMs = this.#options.clock.monoMs()
    // Nobody asked in between: nothing is known of that time.
    const isInRow = this.#silence !== null && nowMs - this.#silence.lastMs < WARN_AFTER_MS
    const silence = isInRow && this.#silence !== null ? this.#silence : { sinceMs: nowMs, lastMs: nowMs }
    silence.lastMs = nowMs
    this.#silence = silence
    const silentMs = Math.round(nowMs - silence.sinceMs)
    const isWarning = silentMs >= WARN_AFTER_MS && nowMs - this.#warnedMs >= WARN_EVERY_MS
    if (isWarning) this.#warnedMs = nowMs
    this.#say(isWarning ? 'warn' : 'debug', { problem, silentMs })
  }

  /** It answered, and can't be understood or belongs elsewhere: somebody has to see to that. Once for the same in a row. */
  onWrongAnswer(problem: string): void {
    if (problem === this.#lastWrongAnswer) return
    this.#lastWrongAnswer = problem
    this.#say('warn', { problem })
  }

  #say(level: 'warn' | 'debug', fields: { readonly problem: string; readonly silentMs?: number }): void {
    const { log, endpoint } = this.#options
    const peer = `${endpoint.host}:${endpoint.port}`
    log[level]({ peer, ...fields }, 'no answer from a peer of the metadata quorum')
  }
}
