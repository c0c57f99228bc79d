/**
 * Creates topics that clients name in Metadata requests, through the controller, with the broker's defaults.
 *
 * Invariant: however many clients ask for a topic at once, one request for it is under way.
 */
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { ControllerChannel, ForwardedApi } from '../controller-channel.ts'
import type { Deadlines } from '../deadlines.ts'

export class TopicCreation {
  readonly #controller: ControllerChannel<ForwardedApi>
  readonly #deadlines: Deadlines
  readonly #waitMs: number
  /** Error codes of topics that are being created. */
  readonly #underWay = new Map<string, Promise<number>>()

  /** @param waitMs how long a client's request is held up */
  constructor(controller: ControllerChannel<ForwardedApi>, deadlines: Deadlines, waitMs: number) {
    this.#controller = controller
    this.#deadlines = deadlines
    this.#waitMs = waitMs
  }

  /** @returns what to tell clients of those names that do not exist afterwards */
  async create(names: readonly string[], context: RequestContext): Promise<ReadonlyMap<string, number>> {
    const { promise: tooLate, resolve } = Promise.withResolvers<number>()
    const deadline = this.#deadlines.after(this.#waitMs, () => resolve(ErrorCode.LEADER_NOT_AVAILABLE))
    const refused = new Map<string, number>()
    await Promise.all(
      names.map(async (name) => {
        refused.set(name, await Promise.race([this.#createOne(name, context.clientId), tooLate]))
      }),
    )
    this.#deadlines.cancel(deadline)
    return refused
  }

  #createOne(name: string, clientId: string | null): Promise<number> {
    const underWay = this.#underWay.get(name)
    if (underWay !== undefined) return underWay
    const creation = this.#request(name, clientId).finally(() => this.#underWay.delete(name))
    this.#underWay.set(name, creation)
    return creation
  }

  async #request(name: string, clientId: string | null): Promise<number> {
    const topic = { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] }
    const request = { topics: [topic], timeoutMs: this.#waitMs, validateOnly: false }
    try {
      const { topics } = await this.#controller.request('CreateTopics', request, { clientId, apiVersion: 7 })
      const errorCode = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
      return PASSING.has(errorCode) ? ErrorCode.LEADER_NOT_AVAILABLE : errorCode
    } catch {
      // No controller can be reached: clients retry this, and the topic appears when one can.
      return ErrorCode.LEADER_NOT_AVAILABLE
    }
  }
}

/**
 * The topic is there, or may be soon, but this shard has not seen it yet: the client will, when it retries. In a Metadata
 * answer clients expect no other error for that.
 */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.NONE,
  ErrorCode.TOPIC_ALREADY_EXISTS,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.REQUEST_TIMED_OUT,
])
