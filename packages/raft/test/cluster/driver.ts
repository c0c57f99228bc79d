/**
 * A driver of the core in virtual time: carries its effects out over a simulated disk and network, in order, and tells what
 * came of them. All that is unsettled (what is lost, how long things take) is asked of its world.
 */
import { type NodeId, offset as toOffset, type Offset, type Uuid } from '@millrace/base'
import {
  type FetchResponse,
  type LeaderEntry,
  type RaftConfig,
  type RaftEffect,
  type RaftEvent,
  RaftNode,
  type RaftRequest,
  type RaftResponse,
  type RaftTimer,
  type ReplicaKey,
  type SnapshotId,
  VoterSet,
} from '../../src/index.ts'
import { type Batch, chain, Disk, type Snapshot } from './disk.ts'
import type { Schedule } from './schedule.ts'

export interface World {
  readonly schedule: Schedule
  /** A random part of a timer's jitter. */
  jitter(id: NodeId, jitterMs: number): number
  /** When what is being written is on disk. */
  write(id: NodeId, done: () => void): void
  /** Carries a request to its receiver, and calls back at most once, perhaps never. */
  carry(from: NodeId, to: NodeId, request: RaftRequest, answer: (response: RaftResponse | null) => void): void
  /** Told of each effect before it is carried out. */
  observe(driver: Driver, effect: RaftEffect): void
  /** Told of each batch that a leader appends: its content. */
  valueOf(driver: Driver, entry: LeaderEntry, baseOffset: number, epoch: number): number
  /** Batches that can be read at once. */
  readonly fetchBatchesMax: number
  /** Whether to make a snapshot of what is applied. */
  wantsSnapshot(driver: Driver): boolean
  /** Whether a snapshot that arrived is found to be damaged. */
  isDamaged(driver: Driver): boolean
}

const CHUNK_BYTES = 10
const SNAPSHOT_BYTES = 25

export class Driver {
  readonly id: NodeId
  readonly disk = new Disk()
  directoryId: Uuid
  node: RaftNode | null = null
  appliedOffset = 0
  appliedHash = 0
  readonly #world: World
  readonly #options: { canVote: boolean; bootstrapVoters: VoterSet; config: RaftConfig }
  #incarnation = 0
  #nextRequestId = 0
  readonly #timers = new Map<RaftTimer, number>()
  #nextTimer = 0
  #durableOp = 0
  #toPersist: (RaftEffect & { readonly kind: 'persist' }) | null = null
  #isPersisting = false
  #waitingForOp: { readonly op: number; readonly run: () => void }[] = []
  readonly #answers = new Map<number, (response: RaftResponse | null) => void>()
  #flushTarget: { readonly generation: number; readonly endOffset: number } | null = null
  #download: { readonly snapshotId: SnapshotId; bytes: number } | null = null
  #downloaded: Snapshot | null = null

  constructor(
    id: NodeId,
    directoryId: Uuid,
    options: { canVote: boolean; bootstrapVoters: VoterSet; config: RaftConfig },
    world: World,
  ) {
    this.id = id
    this.directoryId = directoryId
    this.#options = options
    this.#world = world
  }

  get key(): ReplicaKey {
    return { id: this.id, directoryId: this.directoryId }
  }

  get canVote(): boolean {
    return this.#options.canVote
  }

  get requireNode(): RaftNode {
    if (this.node === null) throw new Error(`node ${this.id} is down`)
    return this.node
  }

  start(): void {
    const { disk } = this
    const { canVote } = this.#options
    const log = disk.recover()
    this.appliedOffset = disk.snapshot?.endOffset ?? 0
    this.appliedHash = disk.snapshot?.hash ?? 0
    this.node = new RaftNode({
      self: this.key,
      endpoint: canVote ? { host: `node-${this.id}`, port: 9093 } : null,
      quorumState: disk.state,
      log,
      ...this.#options,
    })
    this.#carryOut(this.node.start())
  }

  crash(): void {
    this.node = null
    this.#incarnation += 1
    this.#timers.clear()
    this.#waitingForOp = []
    this.#answers.clear()
    this.#flushTarget = null
    this.#download = null
    this.#durableOp = 0
    this.#toPersist = null
    this.#isPersisting = false
  }

  step(event: RaftEvent): void {
    if (this.node !== null) this.#carryOut(this.node.step(event))
  }

  /** @param answer is called at most once */
  request(request: RaftRequest, answer: (response: RaftResponse | null) => void): void {
    this.#nextRequestId += 1
    this.#answers.set(this.#nextRequestId, answer)
    this.step({ kind: 'request', id: this.#nextRequestId, request })
  }

  /** Fires a timer ahead of its time. @returns whether it was armed */
  fire(timer: RaftTimer): boolean {
    if (!this.#timers.delete(timer)) return false
    this.step({ kind: 'timer', timer })
    return true
  }

  #carryOut(effects: readonly RaftEffect[]): void {
    for (const effect of effects) {
      this.#world.observe(this, effect)
      this.#carryOutOne(effect)
    }
  }

  #carryOutOne(effect: RaftEffect): void {
    switch (effect.kind) {
      case 'arm':
        return this.#arm(effect.timer, effect.delayMs, effect.jitterMs)
      case 'disarm':
        this.#timers.delete(effect.timer)
        return
      case 'persist':
        this.#toPersist = effect
        return this.#persist()
      case 'send':
        return this.#afterOp(effect.after, () => this.#send(effect.to.id, effect.sendId, effect.request))
      case 'respond':
        return this.#afterOp(effect.after, () => this.#answer(effect.id, effect.response))
      case 'respond-fetch':
        return this.#answerFetch(effect)
      case 'respond-snapshot':
        return this.#answerSnapshot(effect)
      case 'append':
        return this.#appendEntry(effect)
      case 'append-fetched':
        this.disk.log.push(...(effect.records.data as Batch[]))
        return this.#flush()
      case 'truncate':
        return this.disk.truncate(effect.offset)
      case 'write-snapshot-chunk':
        if (effect.position === 0) this.#download = { snapshotId: effect.snapshotId, bytes: 0 }
        if (this.#download?.bytes !== effect.position) throw new Error('a chunk out of order')
        this.#download.bytes += (effect.data as { bytes: number }).bytes
        this.#downloaded = (effect.data as { snapshot: Snapshot }).snapshot
        return
      case 'install-snapshot':
        return this.#install(effect.snapshotId)
      case 'prune-log':
        return this.disk.prune(effect.logStartOffset)
      case 'high-watermark':
        return this.#apply(effect.offset)
      case 'voter-is-alive':
      case 'leadership':
    }
  }

  // Time

  #arm(timer: RaftTimer, delayMs: number, jitterMs: number): void {
    this.#nextTimer += 1
    const number = this.#nextTimer
    this.#timers.set(timer, number)
    this.#world.schedule.after(delayMs + this.#world.jitter(this.id, jitterMs), () => {
      if (this.#timers.get(timer) === number) this.fire(timer)
    })
  }

  // Disk

  #write(done: () => void): void {
    const incarnation = this.#incarnation
    this.#world.write(this.id, () => {
      if (incarnation === this.#incarnation) done()
    })
  }

  /** One at a time; of those that wait meanwhile the last covers all. */
  #persist(): void {
    const effect = this.#toPersist
    if (effect === null || this.#isPersisting) return
    this.#toPersist = null
    this.#isPersisting = true
    this.#write(() => {
      this.#isPersisting = false
      this.disk.persist(effect.state)
      this.#onDurable(effect.op)
      this.#persist()
    })
  }

  #onDurable(op: number): void {
    this.#durableOp = op
    const waiting = this.#waitingForOp
    this.#waitingForOp = waiting.filter((entry) => entry.op > op)
    for (const entry of waiting) if (entry.op <= op) entry.run()
    this.step({ kind: 'persisted', op })
  }

  #afterOp(op: number | null, run: () => void): void {
    if (op === null || op <= this.#durableOp) run()
    else this.#waitingForOp.push({ op, run })
  }

  #appendEntry(effect: RaftEffect & { readonly kind: 'append' }): void {
    const { entry, baseOffset, epoch } = effect
    let count = 1
    if (entry.kind === 'proposal') count = entry.proposal as number
    if (entry.kind === 'voters' && entry.isFirst) count = 2
    if (baseOffset !== this.disk.logEndOffset) throw new Error('an append that leaves a gap')
    this.disk.log.push({
      baseOffset,
      lastOffset: baseOffset + count - 1,
      epoch,
      value: this.#world.valueOf(this, entry, baseOffset, epoch),
      voters: entry.kind === 'voters' ? entry.voters.voters : null,
    })
    this.#flush()
  }

  /** One flush at a time, of all there is when it begins: the generation is that of its beginning. */
  #flush(): void {
    if (this.#flushTarget !== null) return
    const { generation } = this.requireNode
    const target = { generation, endOffset: this.disk.logEndOffset }
    this.#flushTarget = target
    this.#write(() => {
      this.#flushTarget = null
      // Written is what is in the log now: after a truncation that is less, or something else.
      this.disk.flush(Math.min(target.endOffset, this.disk.logEndOffset))
      this.step({ kind: 'flushed', generation, endOffset: toOffset(target.endOffset) })
      const isBehind = target.endOffset !== this.disk.logEndOffset || generation !== this.node?.generation
      if (isBehind && this.node !== null) this.#flush()
    })
  }

  #apply(highWatermark: Offset): void {
    while (this.appliedOffset < highWatermark) {
      const batch = this.disk.at(this.appliedOffset)
      if (batch === undefined) throw new Error(`${this.id} has no record ${this.appliedOffset} to apply`)
      this.appliedHash = chain(this.appliedHash, batch.value)
      this.appliedOffset = batch.lastOffset + 1
    }
    if (this.appliedOffset !== highWatermark) throw new Error('the high watermark is inside a batch')
    this.#tellApplied()
    if (this.#world.wantsSnapshot(this)) this.makeSnapshot()
  }

  #tellApplied(): void {
    const offset = toOffset(this.appliedOffset)
    const incarnation = this.#incarnation
    this.#world.schedule.after(0, () => {
      if (incarnation === this.#incarnation) this.step({ kind: 'applied', offset })
    })
  }

  makeSnapshot(): void {
    const endOffset = toOffset(this.appliedOffset)
    const last = this.disk.at(endOffset - 1)
    if (last === undefined) return
    const voters =
      this.disk.log.findLast((batch) => batch.voters !== null && batch.baseOffset < endOffset)?.voters ??
      this.disk.snapshot?.voters ??
      null
    const snapshot = { endOffset, epoch: last.epoch, voters, hash: this.appliedHash }
    this.#write(() => {
      if ((this.disk.snapshot?.endOffset ?? 0) >= endOffset) return
      this.disk.snapshot = snapshot
      this.step({ kind: 'snapshot-created', snapshotId: { endOffset, epoch: snapshot.epoch } })
    })
  }

  #install(snapshotId: SnapshotId): void {
    const snapshot = this.#downloaded
    if (this.#download?.bytes !== SNAPSHOT_BYTES || snapshot?.endOffset !== snapshotId.endOffset) {
      throw new Error('half a snapshot was installed')
    }
    this.#download = null
    this.#write(() => {
      if (this.#world.isDamaged(this)) return this.step({ kind: 'snapshot-rejected', snapshotId })
      this.disk.install(snapshot)
      this.appliedOffset = snapshot.endOffset
      this.appliedHash = snapshot.hash
      this.step({
        kind: 'snapshot-installed',
        snapshotId,
        voters: snapshot.voters === null ? null : new VoterSet(snapshot.voters),
      })
      this.#tellApplied()
    })
  }

  // Network

  #send(to: NodeId, sendId: number, request: RaftRequest): void {
    const incarnation = this.#incarnation
    this.#world.carry(this.id, to, request, (response) => {
      if (incarnation === this.#incarnation) this.step({ kind: 'response', sendId, response })
    })
  }

  #answer(id: number, response: RaftResponse): void {
    const answer = this.#answers.get(id)
    this.#answers.delete(id)
    answer?.(response)
  }

  #answerFetch(effect: RaftEffect & { readonly kind: 'respond-fetch' }): void {
    const from = this.disk.indexOf(effect.offset)
    const batches = this.disk.log.slice(from, from + this.#world.fetchBatchesMax)
    if (batches[0]?.baseOffset !== effect.offset) throw new Error('a fetch from inside a batch')
    const response: FetchResponse = {
      kind: 'fetch',
      ...effect.leadership,
      error: 'NONE',
      highWatermark: effect.highWatermark,
      logStartOffset: effect.logStartOffset,
      diverging: null,
      snapshotId: null,
      records: {
        batches: batches.map(({ baseOffset, lastOffset, epoch, voters }) => ({
          baseOffset: toOffset(baseOffset),
          lastOffset: toOffset(lastOffset),
          epoch,
          voters,
        })),
        data: batches,
      },
    }
    this.#answer(effect.id, response)
  }

  #answerSnapshot(effect: RaftEffect & { readonly kind: 'respond-snapshot' }): void {
    const { snapshot } = this.disk
    const isThere = snapshot?.endOffset === effect.snapshotId.endOffset
    const { position } = effect
    const bytes = isThere ? Math.min(CHUNK_BYTES, effect.maxBytes, SNAPSHOT_BYTES - position) : 0
    this.#answer(effect.id, {
      kind: 'fetch-snapshot',
      ...effect.leadership,
      error: isThere ? 'NONE' : 'SNAPSHOT_NOT_FOUND',
      snapshotId: effect.snapshotId,
      sizeBytes: SNAPSHOT_BYTES,
      position,
      bytes,
      data: { snapshot, bytes },
    })
  }
}
