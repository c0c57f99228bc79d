/**
 * Carries the core's effects out, strictly in order, and decides nothing.
 *
 * Owns: effects that wait for the disk, timers, messages that wait for a vote to be durable.
 * Must not know: roles, what messages mean.
 * Invariants: while a truncation or an installation is not durable, no later effect begins, timers aside; a message leaves
 * only after the `persist` that it names; after `stop` nothing is carried out and nothing reported.
 */
import {
  assert,
  DiskError,
  type Env,
  type Log as Logger,
  type TimerId,
  timestampMs,
  unreachable,
} from '@millrace/base'
import type { QuorumState, RaftEffect, RaftEvent, RaftTimer } from '@millrace/raft'
import { isOutOfSpace } from '@millrace/storage'
import type { CommitApplier } from './commit-applier.ts'
import { controlRecords, encodeControlBatch } from './control-batch.ts'
import { bytesOf } from './fetched-records.ts'
import type { InboundRequests } from './inbound-requests.ts'
import type { LogStore } from './log-store.ts'
import type { PeerConnections } from './peer-connections.ts'
import type { QuorumStateFile } from './quorum-state-file.ts'
import { DamagedSnapshotError } from './snapshot-reader.ts'
import type { SnapshotStore } from './snapshot-store.ts'

type Effect<Kind extends RaftEffect['kind']> = Extract<RaftEffect, { readonly kind: Kind }>

export interface EffectRunnerOptions {
  readonly env: Pick<Env, 'clock' | 'timers' | 'rng'>
  readonly logger: Logger
  readonly store: LogStore
  readonly stateFile: QuorumStateFile
  readonly snapshots: SnapshotStore
  readonly peers: PeerConnections
  readonly inbound: InboundRequests
  readonly applier: CommitApplier
  dispatch(...events: readonly RaftEvent[]): void
  onLeadership(effect: Effect<'leadership'>): void
  /** Going on would be wrong. */
  onFailed(problem: string, error: unknown): void
}

/** How soon a full disk is tried again. */
const SPACE_RETRY_MS = 1000

export class EffectRunner {
  readonly #options: EffectRunnerOptions
  readonly #timers = new Map<RaftTimer, TimerId>()
  readonly #queue: RaftEffect[] = []
  readonly #persisting = new Set<number>()
  /** By the `persist` that they wait for. */
  readonly #held = new Map<number, (() => void)[]>()
  #latestState: QuorumState | null = null
  #spaceTimers = new Set<TimerId>()
  #isDraining = false
  #isBlocked = false
  #isStopped = false
  #resigning = 0
  #onResigned: (() => void)[] = []

  constructor(options: EffectRunnerOptions) {
    this.#options = options
  }

  /** Nothing is waiting, so that the log is as the core sees it. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && !this.#isDraining && !this.#isBlocked
  }

  run(effects: readonly RaftEffect[]): void {
    if (this.#isStopped) return
    for (const effect of effects) {
      // A timer that the core has disarmed must not go off because the disk is slow.
      if (effect.kind === 'arm') this.#arm(effect)
      else if (effect.kind === 'disarm') this.#disarm(effect.timer)
      else this.#queue.push(effect)
    }
    this.#drain()
  }

  /** Runs `callback` when no voter is still to be told that this leader resigns. */
  whenResignationTold(callback: () => void): void {
    if (this.#resigning === 0) callback()
    else this.#onResigned.push(callback)
  }

  stop(): void {
    this.#isStopped = true
    this.#queue.length = 0
    this.#held.clear()
    for (const timer of [...this.#timers.values(), ...this.#spaceTimers])
      this.#options.env.timers.cancel(timer)
    this.#timers.clear()
    this.#spaceTimers.clear()
    const waiting = this.#onResigned
    this.#onResigned = []
    for (const callback of waiting) callback()
  }

  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    while (!this.#isBlocked && !this.#isStopped) {
      const effect = this.#queue.shift()
      if (effect === undefined) break
      this.#attempt(effect)
    }
    this.#isDraining = false
  }

  #attempt(effect: RaftEffect): void {
    try {
      this.#perform(effect)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (isOutOfSpace(error) && this.#options.store.log.failure === null) this.#retryLater(effect, error)
      else this.#options.onFailed('the disk failed', error)
    }
  }

  /** Everything behind it waits: nothing that was written is lost, and nothing is said that isn't. */
  #retryLater(effect: RaftEffect, error: DiskError): void {
    this.#options.logger.error({ error }, 'no space for the metadata log: it goes on when there is some')
    this.#isBlocked = true
    this.#queue.unshift(effect)
    this.#afterPause(() => this.#unblock())
  }

  #afterPause(run: () => void): void {
    const timer = this.#options.env.timers.after(SPACE_RETRY_MS, () => {
      this.#spaceTimers.delete(timer)
      run()
    })
    this.#spaceTimers.add(timer)
  }

  #unblock(): void {
    this.#isBlocked = false
    this.#drain()
  }

  #perform(effect: RaftEffect): void {
    switch (effect.kind) {
      case 'arm':
      case 'disarm':
        return
      case 'persist':
        return this.#persist(effect)
      case 'send':
        return this.#after(effect.after, () => this.#send(effect))
      case 'respond':
        return this.#after(effect.after, () => this.#options.inbound.answer(effect.id, effect.response))
      case 'respond-fetch':
        return this.#respondFetch(effect)
      case 'respond-snapshot':
        return this.#respondSnapshot(effect)
      case 'append':
        return this.#append(effect)
      case 'append-fetched':
        this.#options.store.appendFetched(bytesOf(effect.records))
        return this.#options.store.flushSoon(effect.generation)
      case 'truncate':
        return this.#truncate(effect)
      case 'write-snapshot-chunk':
        return this.#options.snapshots.writeChunk(effect.snapshotId, effect.position, effect.data as Buffer)
      case 'install-snapshot':
        return this.#install(effect)
      case 'prune-log':
        return this.#prune(effect)
      case 'high-watermark':
        return this.#options.applier.onHighWatermark(effect.offset)
      case 'voter-is-alive':
        return this.#warnOfRival(effect)
      case 'leadership':
        return this.#options.onLeadership(effect)
      default:
        return unreachable(effect)
    }
  }

  /* ------------------------------------------------------------ timers */

  #arm({ timer, delayMs, jitterMs }: Effect<'arm'>): void {
    const { timers, rng } = this.#options.env
    this.#disarm(timer)
    const jitter = jitterMs > 0 ? rng.below(jitterMs + 1) : 0
    const id = timers.after(delayMs + jitter, () => {
      this.#timers.delete(timer)
      this.#options.dispatch({ kind: 'timer', timer })
    })
    this.#timers.set(timer, id)
  }

  #disarm(timer: RaftTimer): void {
    const id = this.#timers.get(timer)
    if (id === undefined) return
    this.#options.env.timers.cancel(id)
    this.#timers.delete(timer)
  }

  /* ------------------------------------------------------------ votes and messages */

  #persist({ op, state }: Effect<'persist'>): void {
    this.#persisting.add(op)
    this.#latestState = state
    this.#writeState(op)
  }

  /** A later state serves an earlier `persist` as well, and must not be overwritten by it. */
  #writeState(op: number): void {
    this.#options.stateFile.write(this.#latestState!, (error) => {
      if (this.#isStopped) return
      if (error === null) return this.#onPersisted(op)
      if (!isOutOfSpace(error)) return this.#options.onFailed('the vote could not be written', error)
      this.#options.logger.error(
        { error },
        'no space for the vote of this node: it takes part in no election',
      )
      this.#afterPause(() => this.#writeState(op))
    })
  }

  #onPersisted(op: number): void {
    this.#persisting.delete(op)
    const held = this.#held.get(op) ?? []
    this.#held.delete(op)
    for (const run of held) run()
    this.#options.dispatch({ kind: 'persisted', op })
  }

  #after(op: number | null, run: () => void): void {
    if (op === null || !this.#persisting.has(op)) return run()
    const held = this.#held.get(op)
    if (held === undefined) this.#held.set(op, [run])
    else held.push(run)
  }

  #send(effect: Effect<'send'>): void {
    const isResignation = effect.request.kind === 'end-quorum-epoch'
    if (isResignation) this.#resigning += 1
    this.#options.peers.send(effect, (response) => {
      if (this.#isStopped) return
      if (isResignation) this.#onResignationTold()
      this.#options.dispatch({ kind: 'response', sendId: effect.sendId, response })
    })
  }

  #onResignationTold(): void {
    this.#resigning -= 1
    if (this.#resigning > 0) return
    const waiting = this.#onResigned
    this.#onResigned = []
    for (const callback of waiting) callback()
  }

  #respondFetch(effect: Effect<'respond-fetch'>): void {
    const { id, offset, endOffset, maxBytes, highWatermark, logStartOffset, leadership } = effect
    const { store, inbound, onFailed } = this.#options
    const read = store.readForFetch(offset, endOffset, maxBytes)
    if (read === null) return onFailed('the metadata log is damaged', store.log.corruption)
    const records = { batches: [], data: read.records }
    inbound.answer(
      id,
      {
        kind: 'fetch',
        error: 'NONE',
        highWatermark,
        logStartOffset,
        diverging: null,
        snapshotId: null,
        records,
        ...leadership,
      },
      () => read.release(),
    )
  }

  #respondSnapshot({ id, snapshotId, position, maxBytes, leadership }: Effect<'respond-snapshot'>): void {
    const chunk = this.#options.snapshots.readChunk(snapshotId, position, maxBytes)
    const isInside = chunk !== null && position >= 0 && position < chunk.sizeBytes
    const error = chunk === null ? 'SNAPSHOT_NOT_FOUND' : isInside ? 'NONE' : 'POSITION_OUT_OF_RANGE'
    this.#options.inbound.answer(id, {
      kind: 'fetch-snapshot',
      error,
      snapshotId,
      sizeBytes: chunk?.sizeBytes ?? 0,
      position,
      bytes: isInside ? chunk.bytes.length : 0,
      data: isInside ? chunk.bytes : null,
      ...leadership,
    })
  }

  #warnOfRival({ voter }: Effect<'voter-is-alive'>): void {
    this.#options.logger.warn(
      { nodeId: voter.id, voterDirectoryId: voter.directoryId },
      'another replica with the id of this node votes in the metadata quorum, and is alive: this one only observes. ' +
        'Stop the process that is not meant to run, or give this one another node.id',
    )
  }

  /* ------------------------------------------------------------ the log */

  #append(effect: Effect<'append'>): void {
    const { env, store } = this.#options
    const { entry, epoch, baseOffset, generation } = effect
    // Records of the controller are in the log already, so that a full disk could refuse them.
    if (entry.kind === 'proposal')
      assert(entry.proposal === baseOffset, 'the core and the log disagree on their end')
    else {
      const batch = encodeControlBatch(controlRecords(entry), timestampMs(env.clock.wallMs()))
      const appended = store.append(batch, epoch)
      assert(appended.baseOffset === baseOffset, `append at ${appended.baseOffset}, not at ${baseOffset}`)
    }
    store.flushSoon(generation)
  }

  #truncate({ generation, offset }: Effect<'truncate'>): void {
    this.#options.logger.info({ offset }, 'the metadata log differs from its leader and is cut')
    this.#options.store.truncate(generation, offset, () => this.#unblock())
    this.#isBlocked = true
  }

  #install({ generation, snapshotId }: Effect<'install-snapshot'>): void {
    const { snapshots, applier, logger, dispatch, onFailed } = this.#options
    this.#isBlocked = true
    snapshots.install(snapshotId, (outcome) => {
      if (this.#isStopped) return
      if (outcome instanceof DiskError) return onFailed('a fetched snapshot could not be stored', outcome)
      if (outcome instanceof DamagedSnapshotError) {
        logger.error({ error: outcome }, 'a fetched snapshot is damaged: it is fetched again')
        this.#isBlocked = false
        dispatch({ kind: 'snapshot-rejected', snapshotId })
        return this.#drain()
      }
      this.#restartLog(generation, snapshotId.endOffset, () => {
        snapshots.removeBelow(snapshotId.endOffset)
        this.#isBlocked = false
        const { voters } = outcome
        // The core hears of it first: what is applied then is committed for it, too.
        dispatch({ kind: 'snapshot-installed', snapshotId, voters })
        applier.install(outcome)
        this.#drain()
      })
    })
  }

  #restartLog(generation: number, endOffset: Effect<'prune-log'>['logStartOffset'], done: () => void): void {
    try {
      this.#options.store.restartAt(generation, endOffset, done)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (!isOutOfSpace(error)) return this.#options.onFailed('the metadata log could not be emptied', error)
      this.#options.logger.error({ error }, 'no space for the metadata log: it goes on when there is some')
      this.#afterPause(() => this.#restartLog(generation, endOffset, done))
    }
  }

  #prune({ logStartOffset }: Effect<'prune-log'>): void {
    const { store, snapshots, env } = this.#options
    store.prune(logStartOffset, env.clock.wallMs(), (error) => {
      // The older snapshot is needed by a log that may begin before this one.
      if (error === null && !this.#isStopped) snapshots.removeBelow(logStartOffset)
    })
  }
}
