/** One broker's hands: carries out what its replica wants, on a disk and a network that belong to a `World`. */
import { NO_OFFSET, type NodeId, offset as toOffset } from '@millrace/base'
import {
  type AckWait,
  type FetchAnswer,
  type FetchedRecords,
  type FetchReply,
  type FollowerFetch,
  PartitionReplica,
  type ReplicationConfig,
  type ReplicationEffect,
  type ReplicationEvent,
} from '../../src/index.ts'
import type { AlterPartition, Version } from './controller.ts'
import { Disk, type Entry } from './disk.ts'

export interface Wait extends AckWait {
  readonly value: number
}

export interface World {
  readonly nowMs: number
  readonly config: ReplicationConfig
  readonly fetchRecordsMax: number
  after(delayMs: number, run: () => void): void
  /** Later, in the order of the calls of a node. */
  write(id: NodeId, done: () => void): void
  carryFetch(fetch: FollowerFetch, leaderId: NodeId): void
  carryReply(from: NodeId, to: NodeId, fetchId: number, answer: FetchAnswer): void
  /** Answered at most once, maybe with null. */
  carryAlterPartition(
    request: AlterPartition,
    answer: (event: ReplicationEvent) => void,
    requestId: number,
  ): void
  /** A damaged log, or a leadership refused, is told to the controller. */
  reportIncomplete(id: NodeId, leaderEpoch: number): void
  /** Before the effect is carried out. */
  observe(driver: Driver, effect: ReplicationEffect): void
  /** After each step. */
  stepped(driver: Driver): void
}

export class Driver {
  readonly id: NodeId
  readonly disk = new Disk()
  replica: PartitionReplica | null = null
  brokerEpoch = -1
  version: Version | null = null
  /** Of the current process: what an earlier one had begun does not end. */
  #process = 0
  readonly #world: World

  constructor(id: NodeId, world: World) {
    this.id = id
    this.#world = world
  }

  get isRunning(): boolean {
    return this.replica !== null
  }

  /** The partition is opened once the own registration is seen. */
  start(brokerEpoch: number, version: Version): void {
    this.#process += 1
    this.brokerEpoch = brokerEpoch
    this.version = version
    this.#open()
    this.step({ kind: 'metadata', partition: version.partition })
  }

  stop(): void {
    this.#process += 1
    this.replica = null
  }

  learn(version: Version): void {
    this.version = version
    if (this.replica === null) return
    this.step({ kind: 'metadata', partition: version.partition })
    // Its files are gone with it; given back, the partition begins anew.
    if (this.replica.role === 'stopped') {
      this.#process += 1
      this.disk.wipe()
      this.#open()
    }
  }

  /** Appends as a leader would. @returns why not, or null */
  produce(values: readonly number[]): string | null {
    const { replica, disk } = this
    if (replica === null) return 'down'
    const refusal = replica.appendRefusal(-1)
    if (refusal !== null) return refusal
    const epoch = replica.leaderEpoch
    const waits: Wait[] = values.map((value, index) => ({
      endOffset: toOffset(disk.endOffset + index + 1),
      value,
    }))
    disk.append(values.map((value) => ({ epoch, value })))
    this.step({ kind: 'appended', leaderEpoch: epoch, endOffset: toOffset(disk.endOffset), waits })
    return null
  }

  damage(offset: number): void {
    this.disk.damagedFrom = offset
    this.step({ kind: 'damaged', offset: toOffset(offset) })
    if (this.replica !== null) this.#world.reportIncomplete(this.id, this.replica.leaderEpoch)
  }

  deleteRecords(offset: number): void {
    this.disk.advanceStart(offset)
    this.step({ kind: 'log-start-advanced', logStartOffset: toOffset(offset) })
  }

  checkpoint(): void {
    if (this.replica === null) return
    this.disk.highWatermark = this.replica.highWatermark
    this.disk.owedEndOffset = this.replica.owedEndOffset
  }

  step(event: ReplicationEvent): void {
    const { replica } = this
    if (replica === null) return
    for (const effect of replica.step(this.#world.nowMs, event)) {
      this.#world.observe(this, effect)
      this.#carryOut(effect)
    }
    this.#world.stepped(this)
  }

  #open(): void {
    this.replica = new PartitionReplica({
      id: this.id,
      brokerEpoch: this.brokerEpoch,
      log: this.disk.recover(),
      config: this.#world.config,
      firstFetchId: this.#process * 1_000_000,
      resumesEpochs: false,
      brokers: {
        brokerEpoch: (id) => this.version?.brokers.get(id)?.epoch ?? null,
        eligibleEpoch: (id) => {
          const known = this.version?.brokers.get(id)
          return known === undefined || known.isFenced || known.isStopping ? null : known.epoch
        },
        isOwnSessionOver: () => false,
      },
    })
  }

  #carryOut(effect: ReplicationEffect): void {
    const { disk } = this
    switch (effect.kind) {
      case 'assign-epoch-start':
        return disk.assignEpoch(effect.leaderEpoch)
      case 'flush': {
        const { generation } = effect
        const endOffset = toOffset(disk.endOffset)
        return this.#write(disk.beginFlush(), { kind: 'flushed', generation, endOffset })
      }
      case 'append-fetched':
        return disk.append(effect.records.data as readonly Entry[])
      case 'truncate':
        if (effect.reason === 'damage') this.checkpoint()
        disk.truncate(effect.offset)
        return this.#cut(effect.generation)
      case 'restart-log':
        disk.restart(effect.offset)
        return this.#cut(effect.generation)
      case 'advance-log-start':
        return disk.advanceStart(effect.offset)
      case 'fetch':
        return this.#fetch(effect.fetch, effect.leaderId)
      case 'respond-fetch':
        return this.#world.carryReply(this.id, effect.replicaId, effect.fetchId, this.#answer(effect.reply))
      case 'alter-partition':
        return this.#alterPartition(effect)
      case 'refuse-leadership':
        return this.#world.reportIncomplete(this.id, effect.leaderEpoch)
      case 'role':
      case 'fault':
      case 'high-watermark':
      case 'release':
      case 'fail':
      case 'cancel-fetch':
    }
  }

  #cut(generation: number): void {
    const logStartOffset = toOffset(this.disk.startOffset)
    const logEndOffset = toOffset(this.disk.endOffset)
    this.#write(this.disk.beginFlush(), { kind: 'truncated', generation, logStartOffset, logEndOffset })
  }

  #write(makeDurable: () => void, event: ReplicationEvent): void {
    const process = this.#process
    this.#world.write(this.id, () => {
      if (process !== this.#process) return
      makeDurable()
      this.step(event)
    })
  }

  #fetch(fetch: FollowerFetch, leaderId: NodeId): void {
    const process = this.#process
    this.#world.carryFetch(fetch, leaderId)
    this.#world.after(400, () => {
      if (process === this.#process) this.step({ kind: 'fetch-answer', fetchId: fetch.fetchId, answer: null })
    })
  }

  #answer(reply: FetchReply): FetchAnswer {
    if (reply.kind !== 'records') return reply
    const { offset, highWatermark, logStartOffset } = reply
    const end = Math.min(reply.endOffset, offset + this.#world.fetchRecordsMax)
    const data: Entry[] = []
    for (let at: number = offset; at < end; at += 1) data.push(this.disk.at(at)!)
    const records = data.length === 0 ? null : fetched(offset, data)
    return { kind: 'records', records, highWatermark, logStartOffset }
  }

  #alterPartition(effect: ReplicationEffect & { readonly kind: 'alter-partition' }): void {
    const process = this.#process
    const { requestId, ...request } = effect
    this.#world.carryAlterPartition(
      { brokerId: this.id, ...request },
      (event) => {
        if (process === this.#process) this.step(event)
      },
      requestId,
    )
  }
}

function fetched(baseOffset: number, data: readonly Entry[]): FetchedRecords {
  const epochs: { epoch: FetchedRecords['epochs'][number]['epoch']; startOffset: typeof NO_OFFSET }[] = []
  data.forEach(({ epoch }, index) => {
    if (epochs.at(-1)?.epoch === epoch) return
    epochs.push({
      epoch: epoch as (typeof epochs)[number]['epoch'],
      startOffset: toOffset(baseOffset + index),
    })
  })
  return { data, baseOffset: toOffset(baseOffset), endOffset: toOffset(baseOffset + data.length), epochs }
}
