/** One node of the core, whose peers, disk and time are the test's own hands. */
import { NO_NODE, nodeId, type NodeId, NO_OFFSET, offset, type Uuid } from '@millrace/base'
import {
  type FetchRequest,
  type FetchResponse,
  type LogSummary,
  type QuorumState,
  type RaftConfig,
  type RaftEffect,
  type RaftEvent,
  RaftNode,
  type RaftResponse,
  type RaftRole,
  type ReplicaKey,
  type VoteRequest,
  VoterSet,
} from '../src/index.ts'

export const emptyLog: LogSummary = {
  logStartOffset: offset(0),
  logEndOffset: offset(0),
  epochs: [],
  snapshot: null,
  voterSets: [],
}

const config: RaftConfig = {
  fetchTimeoutMs: 2000,
  electionTimeoutMs: 1000,
  electionBackoffMaxMs: 1000,
  requestTimeoutMs: 2000,
  fetchMaxWaitMs: 500,
  fetchMaxBytes: 8192,
  snapshotChunkBytes: 1024,
  autoJoin: false,
}

export function key(id: number): ReplicaKey {
  return { id: nodeId(id), directoryId: `disk-${id}` as Uuid }
}

export function votersOf(...ids: number[]): VoterSet {
  return new VoterSet(ids.map((id) => ({ ...key(id), endpoint: { host: `node-${id}`, port: 9093 } })))
}

type EffectOf<K extends RaftEffect['kind']> = RaftEffect & { readonly kind: K }

export class SingleNode {
  readonly node: RaftNode
  effects: readonly RaftEffect[]
  #requestId = 0

  /** Node 1 of the voters 1, 2, 3, whose set is the log's first records; of epoch 1. */
  constructor(options: {
    log?: LogSummary
    state?: QuorumState | null
    self?: number
    canVote?: boolean
    config?: Partial<RaftConfig>
  }) {
    const log: LogSummary = options.log ?? {
      ...emptyLog,
      logEndOffset: offset(3),
      epochs: [{ epoch: 1, startOffset: offset(0) }],
      voterSets: [{ offset: offset(1), voters: votersOf(1, 2, 3) }],
    }
    this.node = new RaftNode({
      self: key(options.self ?? 1),
      canVote: options.canVote ?? true,
      endpoint: { host: `node-${options.self ?? 1}`, port: 9093 },
      bootstrapVoters: votersOf(1, 2, 3),
      quorumState: options.state ?? { epoch: 1, leaderId: NO_NODE, voted: null },
      log,
      config: { ...config, ...options.config },
    })
    this.effects = this.node.start()
  }

  step(event: RaftEvent): readonly RaftEffect[] {
    this.effects = this.node.step(event)
    return this.effects
  }

  request(request: VoteRequest | FetchRequest): number {
    this.#requestId += 1
    this.step({ kind: 'request', id: this.#requestId, request })
    return this.#requestId
  }

  /** Effects of the last event. */
  all<K extends RaftEffect['kind']>(kind: K): readonly EffectOf<K>[] {
    return this.effects.filter((effect): effect is EffectOf<K> => effect.kind === kind)
  }

  one<K extends RaftEffect['kind']>(kind: K): EffectOf<K> {
    const found = this.all(kind)
    if (found.length !== 1) throw new Error(`${found.length} × ${kind} in ${JSON.stringify(this.effects)}`)
    return found[0]!
  }

  get role(): RaftRole {
    return this.node.role
  }

  /** Grants the votes that were just asked for. @returns how many */
  grantAll(): number {
    const sends = this.all('send').filter(({ request }) => request.kind === 'vote')
    for (const { sendId, to } of sends) this.step({ kind: 'response', sendId, response: this.granted(to.id) })
    return sends.length
  }

  granted(id: NodeId): RaftResponse {
    return {
      kind: 'vote',
      error: 'NONE',
      granted: true,
      voterDirectoryId: key(id).directoryId,
      epoch: this.node.epoch,
      leaderId: NO_NODE,
      leaderEndpoint: null,
    }
  }

  /** From a pre-vote to the leadership of epoch 2. */
  lead(): void {
    this.step({ kind: 'timer', timer: 'election' })
    const [preVote] = this.all('send')
    this.step({ kind: 'response', sendId: preVote!.sendId, response: this.granted(preVote!.to.id) })
    const [vote] = this.all('send')
    this.step({ kind: 'persisted', op: this.one('persist').op })
    this.step({ kind: 'response', sendId: vote!.sendId, response: this.granted(vote!.to.id) })
    if (this.role !== 'leader') throw new Error('not elected')
  }

  flushAll(): void {
    const { generation, logEndOffset } = this.node
    this.step({ kind: 'flushed', generation, endOffset: logEndOffset })
  }
}

export function fetchOf(
  id: number,
  epoch: number,
  fetchOffset: number,
  lastFetchedEpoch: number,
): FetchRequest {
  return {
    kind: 'fetch',
    replica: key(id),
    epoch,
    fetchOffset: offset(fetchOffset),
    lastFetchedEpoch,
    appliedOffset: NO_OFFSET,
    maxWaitMs: 500,
    maxBytes: 8192,
  }
}

export function fetchAnswer(
  answer: Partial<FetchResponse> & { epoch: number; leaderId: NodeId },
): FetchResponse {
  return {
    kind: 'fetch',
    error: 'NONE',
    leaderEndpoint: null,
    highWatermark: offset(0),
    logStartOffset: offset(0),
    diverging: null,
    snapshotId: null,
    records: null,
    ...answer,
  }
}
