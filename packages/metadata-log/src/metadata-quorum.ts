/**
 * A replica of the cluster's metadata under the quorum: the hands of the core in `@millrace/raft`.
 *
 * Owns: what a process has of the metadata log: its folder, its connections to other replicas, the image of what is
 * committed, and on the leader the image with what is not committed yet.
 * Must not know: who decides the records, who reads the images.
 * Invariants: an image is published only when its records are committed; images are published in the order of their
 * records, each exactly once; events reach the core one at a time, and each is handled to the end; after a failed write or
 * sync this replica takes part in nothing, because what is on disk is unknown.
 */
import { assert, NO_NODE, type NodeId, type Offset } from '@millrace/base'
import { MetadataImage, type MetadataRecord } from '@millrace/metadata'
import {
  type RaftConfig,
  type RaftEffect,
  type RaftEvent,
  RaftNode,
  type RaftRequest,
  type RaftResponse,
  type RaftRole,
  refusal,
  UNKNOWN_DIRECTORY,
  VoterSet,
} from '@millrace/raft'
import { AppliedWaits } from './applied-waits.ts'
import { CommitApplier } from './commit-applier.ts'
import { describeQuorum, FetchTimeTable } from './describe-quorum.ts'
import { EffectRunner } from './effect-runner.ts'
import { ImagePublisher, type UpdateListener } from './image-publisher.ts'
import { InboundRequests } from './inbound-requests.ts'
import { LeaderAppends } from './leader-appends.ts'
import { LogStore } from './log-store.ts'
import { MetadataLogError } from './metadata-log-error.ts'
import type { MetadataQuorumOptions, QuorumConfig, QuorumLeader } from './metadata-quorum-options.ts'
import { METADATA_FOLDER } from './metadata-topic.ts'
import { NotControllerError } from './not-controller-error.ts'
import { PeerConnections } from './peer-connections.ts'
import { quorumHandlers, type QuorumHandlers } from './quorum-handlers.ts'
import { type RecoveredLog, recoverMetadataLog } from './recovered-log.ts'
import { SnapshotStore } from './snapshot-store.ts'

const FETCH_BYTES_MAX = 8 * 1024 * 1024
const SNAPSHOT_CHUNK_BYTES = 1024 * 1024

const CHECK_DISK = 'Whether the last changes are stored is unknown. Check the disk and restart.'
const RESTART = 'Going on would let this node drift away from the others: it stops.'

type Leadership = Omit<Extract<RaftEffect, { readonly kind: 'leadership' }>, 'kind'>

export class MetadataQuorum {
  /** For the listener of the controllers. */
  readonly handlers: QuorumHandlers
  readonly #options: MetadataQuorumOptions
  readonly #node: RaftNode
  readonly #store: LogStore
  readonly #snapshots: SnapshotStore
  readonly #publisher: ImagePublisher
  readonly #applier: CommitApplier
  readonly #inbound: InboundRequests
  readonly #peers: PeerConnections
  readonly #runner: EffectRunner
  readonly #appends: LeaderAppends
  readonly #appliedWaits: AppliedWaits
  readonly #fetchTimes: FetchTimeTable
  readonly #leaderListeners = new Set<() => void>()
  #leadership: Leadership
  /** What leadership listeners were told last. */
  #toldLeadership = ''
  readonly #events: RaftEvent[] = []
  #isStepping = false
  #isStarted = false
  #isClosing = false
  #failure: MetadataLogError | null = null

  private constructor(options: MetadataQuorumOptions, recovered: RecoveredLog, empty: MetadataImage) {
    const { env, clusterId, nodeId, config } = options
    const { log, snapshot, stateFile } = recovered
    this.#options = options
    this.#node = new RaftNode({
      self: { id: nodeId, directoryId: options.directoryId },
      canVote: options.canVote,
      endpoint: options.listener,
      bootstrapVoters: bootstrapVoterSet(options),
      quorumState: recovered.quorumState,
      log: recovered.summary,
      config: raftConfig(config),
    })
    this.#leadership = {
      role: 'unattached',
      leadership: { epoch: this.#node.epoch, leaderId: NO_NODE, leaderEndpoint: null },
      epochStartOffset: null,
    }
    this.#store = new LogStore({
      log,
      recoveryPoint: recovered.recoveryPoint,
      timers: env.timers,
      logger: env.log,
      canVote: options.canVote,
      onFlushed: (generation, endOffset) => this.#dispatch({ kind: 'flushed', generation, endOffset }),
      onFailed: (error) => this.#fail('cluster metadata could not be flushed', error),
    })
    this.#publisher = new ImagePublisher({
      image: snapshot?.image ?? empty,
      onApplied: (offset) => this.#dispatch({ kind: 'applied', offset }),
      onListenerFailed: (error) => this.#fail('committed metadata could not be applied', error, RESTART),
    })
    this.#applier = new CommitApplier({
      store: this.#store,
      timers: env.timers,
      publisher: this.#publisher,
      voters: snapshot?.voters ?? null,
      onProgress: (bytes) => this.#onProgress(bytes),
      onUnreadable: (error) => this.#fail('committed metadata could not be read', error, RESTART),
    })
    this.#snapshots = this.#createSnapshotStore(log.directory, empty)
    this.#inbound = new InboundRequests({
      clusterId,
      refusalOf: (request) => this.#refusalOf(request),
      onRequest: (id, request) => this.#dispatch({ kind: 'request', id, request }),
      onDropped: (id) => this.#dispatch({ kind: 'request-dropped', id }),
    })
    this.#peers = new PeerConnections({
      env,
      log: env.log,
      clusterId,
      nodeId,
      requestTimeoutMs: config.requestTimeoutMs,
      // A leader that loses its voters has to know as well.
      isWatched: (id) => id === this.leader.id || this.#leadership.role === 'leader',
      onGone: (id) => this.#dispatch({ kind: 'peer-gone', id }),
    })
    this.#runner = new EffectRunner({
      env,
      logger: env.log,
      store: this.#store,
      stateFile,
      snapshots: this.#snapshots,
      peers: this.#peers,
      inbound: this.#inbound,
      applier: this.#applier,
      dispatch: (...events) => this.#dispatch(...events),
      onLeadership: (effect) => this.#onLeadership(effect),
      onFailed: (problem, error) => this.#fail(problem, error),
    })
    this.#appends = this.#createAppends()
    this.#appliedWaits = new AppliedWaits(env.timers)
    this.#fetchTimes = new FetchTimeTable(env.clock)
    this.handlers = quorumHandlers({
      inbound: this.#inbound,
      requestTimeoutMs: config.requestTimeoutMs,
      describe: (request) => describeQuorum(request, this.#describe()),
    })
  }

  /**
   * Recovers log and snapshot. The image has what the snapshot holds: what is behind it in the log may not be committed.
   * @throws MetadataLogError where the log is damaged, or written by a newer version; DamagedFileError, DiskError
   */
  static async open(options: MetadataQuorumOptions): Promise<MetadataQuorum> {
    const { env, dataDirectory, clusterId, canVote, config } = options
    const empty = MetadataImage.empty(clusterId)
    const recovered = await recoverMetadataLog({
      disk: env.disk,
      clock: env.clock,
      logger: env.log,
      directory: `${dataDirectory}/${METADATA_FOLDER}`,
      segmentBytes: config.segmentBytes,
      empty,
      canVote,
    })
    return new MetadataQuorum(options, recovered, empty)
  }

  /** Takes part from now on. */
  start(): void {
    assert(!this.#isStarted && !this.#isClosing, 'a replica of the metadata log is started once')
    this.#isStarted = true
    this.#inbound.open()
    this.#isStepping = true
    this.#runner.run(this.#node.start())
    this.#isStepping = false
    this.#dispatch()
  }

  /* ------------------------------------------------------------ what it knows */

  /** What is committed and applied here; `controllerId` is the leader as far as known. */
  get image(): MetadataImage {
    return this.#publisher.image
  }

  /** The image, and the log's offset after it. */
  current(): { readonly image: MetadataImage; readonly endOffset: Offset } {
    return { image: this.#publisher.image, endOffset: this.#publisher.endOffset }
  }

  get leader(): QuorumLeader {
    const { leaderId: id, epoch, leaderEndpoint: endpoint } = this.#leadership.leadership
    return { id, epoch, endpoint }
  }

  /** As of the newest voter set in the log; the configured ones while it names none. */
  get voters(): VoterSet {
    return this.#node.voters
  }

  /** Leads, and has applied what earlier leaders left: may decide. */
  get isActive(): boolean {
    const { role, epochStartOffset } = this.#leadership
    const isReady = role === 'leader' && this.#failure === null && !this.#isClosing
    return isReady && epochStartOffset !== null && this.#publisher.endOffset > epochStartOffset
  }

  /** Of the active leader: with everything appended in this epoch, committed or not: what the next decision builds on. */
  get latestImage(): MetadataImage {
    assert(this.isActive, 'only the active leader has a latest image')
    return this.#appends.latestImage
  }

  /**
   * Tells of every later commit, in order, each exactly once. A promise that the listener returns delays what this
   * replica reports as applied; it must not be rejected. @returns a function that ends the subscription
   */
  subscribe(listener: UpdateListener): () => void {
    return this.#publisher.subscribe(listener)
  }

  /** Tells of every change of leader, epoch or `isActive`. @returns a function that ends it */
  onLeaderChange(listener: () => void): () => void {
    this.#leaderListeners.add(listener)
    return () => this.#leaderListeners.delete(listener)
  }

  /* ------------------------------------------------------------ deciding */

  /**
   * Appends records that stand or fall together, decided on `latestImage`. The image with them is published before the
   * promise resolves.
   * @returns the offset of the last of them, once they are committed
   * @throws NotControllerError when this replica is not active, or stopped leading before the outcome was known: the
   * records may be committed by the next leader all the same. DiskError when there was no space, with nothing changed.
   * MetadataLogError when the disk failed, and at every later call
   */
  append(records: readonly MetadataRecord[]): Promise<Offset> {
    const committed = Promise.withResolvers<Offset>()
    try {
      if (!this.isActive)
        throw this.#failure ?? new NotControllerError('this node is not the active controller')
      this.#appends.add(records, committed)
      this.#appends.writeWaiting()
    } catch (error) {
      committed.reject(error)
    }
    return committed.promise
  }

  /**
   * Waits until everything that was appended so far is committed: for answers that were found in `latestImage`.
   * @throws as `append`, when it never will be
   */
  settled(): Promise<void> {
    return this.#appends.settled()
  }

  /**
   * On the leader: waits until all of these replicas have applied the record at `offset`.
   * @returns false when they have not within `timeoutMs`, or this replica does not lead (any more)
   */
  whenApplied(offset: Offset, nodes: readonly NodeId[], timeoutMs: number): Promise<boolean> {
    if (this.#leadership.role !== 'leader' || this.#failure !== null) return Promise.resolve(false)
    return this.#appliedWaits.wait(offset, nodes, timeoutMs, this.#node.appliedOffsets())
  }

  /* ------------------------------------------------------------ the end */

  /** Hands leadership over, and stands for no election any more. Resolves when the voters know, or had time to. */
  async resign(): Promise<void> {
    if (!this.#isStarted || this.#isClosing || this.#failure !== null) return
    this.#dispatch({ kind: 'resign' })
    await new Promise<void>((resolve) => this.#runner.whenResignationTold(resolve))
  }

  /**
   * Waits for what is being flushed, then lets go of everything. Appends whose outcome is not known are rejected.
   * @throws DiskError when something could not be made durable
   */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    let failure: unknown = null
    try {
      if (this.#failure === null) await this.#store.flushNow()
    } catch (error) {
      failure = error
    }
    this.#stop(this.#failure ?? new MetadataLogError('the metadata log is closed'))
    await this.#store.close()
    if (failure !== null) throw failure
  }

  /** Nothing happens from here on; who waits hears `reason`. */
  #stop(reason: MetadataLogError): void {
    this.#failure = reason
    this.#events.length = 0
    this.#runner.stop()
    this.#store.stop()
    this.#applier.close()
    this.#inbound.close()
    this.#peers.close()
    this.#snapshots.close()
    this.#appliedWaits.giveUp()
    this.#appends.end(reason)
    this.#tellLeadership()
  }

  /** What is on disk is unknown: whoever has promised something by it must not go on. A restart recovers. */
  #fail(problem: string, error: unknown, advice = CHECK_DISK): void {
    if (this.#failure !== null) return
    const cause = error instanceof Error ? error.message : String(error)
    const failure = new MetadataLogError(`${problem} (${cause}). ${advice}`)
    this.#options.env.log.error({ error, directory: this.#store.log.directory }, failure.message)
    this.#stop(failure)
    if (!this.#isClosing) this.#options.env.host.halt(failure.message)
  }

  /* ------------------------------------------------------------ events */

  #dispatch(...events: readonly RaftEvent[]): void {
    if (this.#failure !== null || !this.#isStarted) return
    this.#events.push(...events)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.#runner.run(this.#node.step(event))
      if (event.kind === 'request' && event.request.kind === 'fetch') this.#onFetch(event.request)
      if (event.kind === 'applied') this.#checkAppliedWaits()
    }
    this.#isStepping = false
    this.#afterEvents()
  }

  /** The core is at rest: what had to wait for that. */
  #afterEvents(): void {
    this.#appends.writeWaiting()
    this.#tellLeadership()
  }

  #onFetch(request: Parameters<FetchTimeTable['onFetch']>[0]): void {
    if (this.#leadership.role !== 'leader') return
    this.#fetchTimes.onFetch(request, this.#node.logEndOffset)
    this.#checkAppliedWaits()
  }

  #checkAppliedWaits(): void {
    if (!this.#appliedWaits.isEmpty) this.#appliedWaits.onProgress(this.#node.appliedOffsets())
  }

  #onProgress(appliedBytes: number): void {
    this.#snapshots.onApplied(appliedBytes)
    if (!this.#isStepping && this.#runner.isIdle) this.#afterEvents()
  }

  #onLeadership({ role, leadership, epochStartOffset }: Leadership): void {
    const wasLeader = this.#leadership.role === 'leader'
    const hasLost = wasLeader && (role !== 'leader' || leadership.epoch !== this.#leadership.leadership.epoch)
    this.#leadership = { role, leadership, epochStartOffset }
    this.#publisher.setController(leadership.leaderId)
    if (!hasLost) return
    this.#fetchTimes.clear()
    this.#appliedWaits.giveUp()
    this.#appends.end(new NotControllerError('the leadership of the metadata quorum was lost'))
  }

  #tellLeadership(): void {
    const { role, leadership } = this.#leadership
    const told = `${role} ${leadership.leaderId} ${leadership.epoch} ${this.isActive}`
    if (told === this.#toldLeadership) return
    this.#toldLeadership = told
    this.#logLeadership(role)
    for (const listener of this.#leaderListeners) listener()
  }

  #logLeadership(role: RaftRole): void {
    const { leaderId, epoch } = this.#leadership.leadership
    this.#options.env.log.info({ role, leaderId, epoch, isActive: this.isActive }, 'metadata quorum')
  }

  /* ------------------------------------------------------------ parts */

  #createSnapshotStore(directory: string, empty: MetadataImage): SnapshotStore {
    const { env, config } = this.#options
    return new SnapshotStore({
      disk: env.disk,
      clock: env.clock,
      timers: env.timers,
      logger: env.log,
      directory,
      empty,
      snapshotBytes: config.snapshotBytes,
      snapshotIntervalMs: config.snapshotIntervalMs,
      current: () => ({ image: this.#publisher.image, voters: this.#applier.voters }),
      onCreated: (snapshotId) => this.#dispatch({ kind: 'snapshot-created', snapshotId }),
    })
  }

  #createAppends(): LeaderAppends {
    return new LeaderAppends({
      clock: this.#options.env.clock,
      store: this.#store,
      applier: this.#applier,
      committedImage: () => this.#publisher.image,
      epoch: () => this.leader.epoch,
      isAtRest: () => !this.#isStepping && this.#runner.isIdle,
      propose: (recordCount, proposal) => this.#dispatch({ kind: 'propose', recordCount, proposal }),
      onNoSpace: () => this.#dispatch({ kind: 'append-refused' }),
      onDiskFailed: (error) => this.#fail('cluster metadata could not be written', error),
    })
  }

  /** Of a replica that does not run: its epoch, so that the others need not wait for it, and no leader. */
  #refusalOf(request: RaftRequest): RaftResponse {
    const { nodeId: id, directoryId } = this.#options
    const claim = { epoch: this.#node.epoch, leaderId: NO_NODE, leaderEndpoint: null }
    return refusal(request, 'NOT_LEADER_OR_FOLLOWER', claim, { id, directoryId })
  }

  #describe(): Parameters<typeof describeQuorum>[1] {
    if (this.#leadership.role !== 'leader' || this.#failure !== null) return null
    return {
      description: this.#node.quorumDescription(),
      times: this.#fetchTimes,
      voters: this.#node.voters,
      nowMs: this.#options.env.clock.wallMs(),
    }
  }
}

function bootstrapVoterSet({ bootstrapVoters }: MetadataQuorumOptions): VoterSet {
  return new VoterSet(
    bootstrapVoters.map(({ id, host, port }) => ({
      id,
      directoryId: UNKNOWN_DIRECTORY,
      endpoint: { host, port },
    })),
  )
}

function raftConfig(config: QuorumConfig): RaftConfig {
  return {
    fetchTimeoutMs: config.fetchTimeoutMs,
    electionTimeoutMs: config.electionTimeoutMs,
    electionBackoffMaxMs: config.electionBackoffMaxMs,
    requestTimeoutMs: config.requestTimeoutMs,
    fetchMaxWaitMs: config.fetchMaxWaitMs,
    fetchMaxBytes: FETCH_BYTES_MAX,
    snapshotChunkBytes: SNAPSHOT_CHUNK_BYTES,
    autoJoin: config.autoJoin,
  }
}
