/**
 * Says why there is no active controller: which voters do not answer, which belong to another cluster, and what to do.
 *
 * Owns: one timer. Must not know: how a leader is elected.
 * Invariant: silent while a leader is known; at most one round of questions at a time.
 */
import { type Endpoint, type Env, NO_NODE, type NodeId, type TimerId } from '@millrace/base'
import type { MetadataQuorum } from '@millrace/metadata-log'
import { askForCluster } from './controller-question.ts'
import { formatEndpoint } from './listener.ts'

export interface QuorumWatchOptions {
  readonly env: Pick<Env, 'net' | 'clock' | 'timers' | 'log'>
  readonly nodeId: NodeId
  readonly clusterId: string
  readonly quorum: Pick<MetadataQuorum, 'leader' | 'voters'>
  /** More than half of the voters belong to this other cluster. */
  readonly onForeignCluster: (clusterId: string) => void
}

const INTERVAL_MS = 3000

interface Voter {
  readonly id: NodeId
  readonly endpoint: Endpoint
}

interface Finding {
  readonly voter: Voter
  /** null: it did not answer. */
  readonly clusterId: string | null
}

export class QuorumWatch {
  readonly #options: QuorumWatchOptions
  #timer: TimerId | null = null
  #stopped = false

  constructor(options: QuorumWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = this.#options.env.timers.after(INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) this.#options.env.timers.cancel(this.#timer)
  }

  async #look(): Promise<void> {
    const { quorum, nodeId } = this.#options
    if (quorum.leader.id !== NO_NODE) return
    const others = quorum.voters.voters.filter(({ id }) => id !== nodeId)
    const findings = await Promise.all(others.map((voter) => this.#ask(voter)))
    if (!this.#stopped && quorum.leader.id === NO_NODE) this.#report(findings)
  }

  async #ask(voter: Voter): Promise<Finding> {
    return { voter, clusterId: await askForCluster(this.#options.env, voter.endpoint, 'quorum-watch') }
  }

  #report(findings: readonly Finding[]): void {
    const { env, clusterId, quorum } = this.#options
    const { majority, size } = quorum.voters
    const silent = findings.filter((finding) => finding.clusterId === null)
    const foreign = findings.filter(
      (finding) => finding.clusterId !== null && finding.clusterId !== clusterId,
    )
    const [stranger] = foreign
    if (stranger !== undefined) {
      env.log.error(
        { clusterId, othersClusterId: stranger.clusterId, voters: names(foreign) },
        'these voters belong to another cluster: correct controller.quorum.voters, or choose another data folder',
      )
      if (foreign.length >= majority) this.#options.onForeignCluster(stranger.clusterId!)
      return
    }
    env.log.warn(
      { voters: size, needed: majority, silent: names(silent) },
      silent.length === 0
        ? 'no active controller yet: an election is under way'
        : 'no active controller: start the voters that do not answer, or check that this node can reach them',
    )
  }
}

function names(findings: readonly Finding[]): string[] {
  return findings.map(({ voter }) => `${voter.id}@${formatEndpoint(voter.endpoint)}`)
}
