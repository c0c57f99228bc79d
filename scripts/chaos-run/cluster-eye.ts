/** What clients can see of the cluster: who leads what, and whether every replica is in sync. */
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, MillraceError } from '@millrace/client'
import { type Role, ROLES } from './fault.ts'

export interface EyeOptions {
  readonly bootstrap: string
  readonly topics: readonly string[]
  readonly nodes: readonly string[]
}

const POLL_MS = 100
/** Of one question: a cluster that can't answer is looked at again. */
const ANSWER_MS = 5000

export class ClusterEye implements AsyncDisposable {
  readonly #admin: Admin
  /** One for each broker. */
  readonly #admins: readonly Admin[]
  readonly #options: EyeOptions

  constructor(options: EyeOptions) {
    this.#options = options
    this.#admin = new Admin({ bootstrap: options.bootstrap })
    this.#admins = options.bootstrap.split(',').map((bootstrap) => new Admin({ bootstrap }))
  }

  /** @returns the node that has the role now; while nobody knows, the first that could have it */
  async nodeOf(aim: string): Promise<string> {
    const role = ROLES.find((name) => name === aim)
    if (role === undefined) return aim
    try {
      return role === 'leader' ? `broker-${await this.#leader()}` : `controller-${await this.#controller()}`
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      return this.#options.nodes.find((name) => name.startsWith(prefixOf(role)))!
    }
  }

  /** @returns whether all replicas of all partitions were in sync before the time was over */
  async allInSync(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline && !signal.aborted) {
      if (await this.#areInSync()) return true
      await delay(POLL_MS)
    }
    return false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#admin, ...this.#admins].map((admin) => admin.close()))
  }

  async #leader(): Promise<number> {
    const [topic] = await this.#admin.describeTopics([this.#options.topics[0]!], { timeoutMs: ANSWER_MS })
    const { leader } = topic!.partitions[0]!
    if (leader < 0) throw new MillraceError('LEADER_NOT_AVAILABLE', 'nobody leads the partition', true)
    return leader
  }

  async #controller(): Promise<number> {
    return (await this.#admin.describeQuorum({ timeoutMs: ANSWER_MS })).leaderId
  }

  /** A broker that was paused or cut off still tells of the time before: only what all of them say is so. */
  async #areInSync(): Promise<boolean> {
    try {
      const answers = await Promise.all(this.#admins.map((admin) => this.#inSyncLeaders(admin)))
      return answers.every((leaders) => leaders !== null && leaders === answers[0])
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      // somebody does not answer, so nobody knows
      return false
    }
  }

  /** @returns leader and epoch of each partition, as text; null: not all replicas are in sync */
  async #inSyncLeaders(admin: Admin): Promise<string | null> {
    const topics = await admin.describeTopics([...this.#options.topics], { timeoutMs: ANSWER_MS })
    const partitions = topics.flatMap((topic) => topic.partitions)
    const isInSync = partitions.every(
      ({ leader, isr, replicas }) => leader >= 0 && isr.length === replicas.length,
    )
    return isInSync ? partitions.map(({ leader, leaderEpoch }) => `${leader}@${leaderEpoch}`).join(' ') : null
  }
}

function prefixOf(role: Role): string {
  return role === 'leader' ? 'broker' : 'controller'
}
