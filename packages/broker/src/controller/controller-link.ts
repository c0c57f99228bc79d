/**
 * Passes requests of clients on to the active controller, through elections and lost connections, and always answers
 * within the request's time; sooner while there is no controller, so that a client can tell a person.
 *
 * A request goes out again only when it is certain that nothing came of it before: it was not sent, or the node that got
 * it was no controller. Is the outcome unknown, the client is told REQUEST_TIMED_OUT: sent again, a creation would be
 * answered with TOPIC_ALREADY_EXISTS because of itself.
 *
 * Owns: requests that wait for a controller. Must not know: what they ask for.
 */
import type { Env, TimerId } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { BrokerConfig } from '../config.ts'
import type {
  ControllerApi,
  ControllerChannel,
  ControllerRequestContext,
  ForwardedApi,
} from '../controller-channel.ts'
import type { QuorumView } from '../quorum-view.ts'
import type { ControllerRoute } from './controller-route.ts'
import { forwardedApis } from './forwarded-apis.ts'

export interface ControllerLinkOptions {
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly config: Pick<
    BrokerConfig,
    'controllerRequestTimeoutMs' | 'controllerWaitMs' | 'controllerRetryBackoffMs'
  >
  readonly quorum: QuorumView
  /** Closed with this link. */
  readonly route: ControllerRoute
}

/** The controller answers within the request's time; its answer then needs some to get here. */
const ANSWER_MARGIN_MS = 1000
/** What the broker itself asks is small, and asked again. */
const OWN_REQUEST_TIMEOUT_MS = 2000

/** Nobody knows whether the request was carried out. */
class UnansweredError extends Error {
  override readonly name = 'UnansweredError'
  constructor(api: string, reason: string) {
    super(`${api} was not answered: ${reason}`)
  }
}

export class ControllerLink implements ControllerChannel<ForwardedApi> {
  readonly #options: ControllerLinkOptions
  readonly #pauses = new Set<() => void>()
  readonly #unsubscribe: () => void
  #closed = false

  constructor(options: ControllerLinkOptions) {
    this.#options = options
    this.#unsubscribe = options.quorum.onLeaderChange(() => this.#endPauses())
  }

  async request<N extends ForwardedApi>(
    api: N,
    request: RequestOf<N>,
    { clientId, apiVersion: version }: ControllerRequestContext,
  ): Promise<ResponseInputOf<N>> {
    const { timeoutMs, errorCodes, refuse } = forwardedApis[api]
    const { env, config, route } = this.#options
    const wantedMs = Math.max(0, timeoutMs(request) ?? Infinity)
    const startMs = env.clock.monoMs()
    const deadlineMs = startMs + Math.min(wantedMs, config.controllerRequestTimeoutMs)
    const patienceEndMs = Math.min(deadlineMs, startMs + config.controllerWaitMs)
    let reason = ''
    for (let attempt = 0; ; attempt++) {
      const leftMs = Math.max(0, deadlineMs - env.clock.monoMs())
      const ask = { clientId, version, timeoutMs: leftMs + ANSWER_MARGIN_MS }
      const outcome = await route.request(api, request, ask)
      if (outcome.kind === 'answered') {
        if (!errorCodes(outcome.response).some(isOfNoController)) return outcome.response
        reason = 'the node asked is not the controller'
      } else if (outcome.kind === 'unknown') {
        const errorMessage = `the outcome is not known: ${outcome.reason}`
        return refuse(request, { errorCode: ErrorCode.REQUEST_TIMED_OUT, errorMessage })
      } else {
        reason = outcome.reason
      }
      if (this.#closed || env.clock.monoMs() >= patienceEndMs) break
      await this.#pause(attempt, patienceEndMs)
    }
    return refuse(request, {
      errorCode: ErrorCode.NOT_CONTROLLER,
      errorMessage: `nothing was done: ${reason}`,
    })
  }

  /** Asks once, with a request of the broker's own. Rejects when no answer came: whoever asks decides what that means. */
  async askOnce<N extends ControllerApi>(
    api: N,
    request: RequestOf<N>,
    version: number,
  ): Promise<ResponseInputOf<N>> {
    const timeoutMs = OWN_REQUEST_TIMEOUT_MS
    const outcome = await this.#options.route.request(api, request, { clientId: null, version, timeoutMs })
    if (outcome.kind === 'answered') return outcome.response
    throw new UnansweredError(api, outcome.reason)
  }

  /** Refuses whatever still waits for a controller. */
  close(): void {
    this.#closed = true
    this.#unsubscribe()
    this.#options.route.close()
    this.#endPauses()
  }

  /** Until the leader changes, for a back-off at most. */
  #pause(attempt: number, untilMs: number): Promise<void> {
    const { env, config } = this.#options
    const { first, max } = config.controllerRetryBackoffMs
    const delayMs = Math.min(max, first * 2 ** attempt, untilMs - env.clock.monoMs())
    return new Promise((resolve) => {
      const end = (): void => {
        env.timers.cancel(timer)
        this.#pauses.delete(end)
        resolve()
      }
      const timer: TimerId = env.timers.after(delayMs, end)
      this.#pauses.add(end)
    })
  }

  #endPauses(): void {
    for (const end of [...this.#pauses]) end()
  }
}

/** DescribeQuorum and the like are answered by the quorum's leader, which calls it by its own name. */
function isOfNoController(errorCode: number | undefined): boolean {
  return errorCode === ErrorCode.NOT_CONTROLLER || errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
}
