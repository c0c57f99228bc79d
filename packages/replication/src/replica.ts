/**
 * What both roles of a replica work on: its log, what it knows of the partition, and the effects that it has asked for.
 *
 * Must not know: what a leader or a follower does.
 */
import type { NodeId, Offset } from '@millrace/base'
import type { ReplicationEffect } from './effect.ts'
import type { PartitionState } from './partition-state.ts'
import { ReplicaLog } from './replica-log.ts'
import type { BrokerLiveness, ReplicaOptions, ReplicationConfig } from './replica-options.ts'

const NOTHING: readonly ReplicationEffect[] = []

export class Replica {
  readonly id: NodeId
  readonly brokerEpoch: number
  readonly brokers: BrokerLiveness
  readonly log: ReplicaLog
  readonly resumesEpochs: boolean
  config: ReplicationConfig
  /** Of the event at hand: any monotonic clock. */
  nowMs = 0
  #nextFetchId: number
  #requests = 0
  #effects: ReplicationEffect[] = []

  constructor(options: ReplicaOptions) {
    this.id = options.id
    this.brokerEpoch = options.brokerEpoch
    this.brokers = options.brokers
    this.config = options.config
    this.log = new ReplicaLog(options.log, this.isFlushedToAck)
    this.resumesEpochs = options.resumesEpochs
    this.#nextFetchId = options.firstFetchId
  }

  get isFlushedToAck(): boolean {
    return this.config.flushPolicy === 'commit'
  }

  /** Up to where this replica counts: on disk, or written. */
  get acknowledgedEndOffset(): Offset {
    return this.isFlushedToAck ? this.log.flushedEndOffset : this.log.logEndOffset
  }

  /** Null: the log lacks nothing that others count on. */
  get owedEndOffset(): Offset | null {
    const { owedEndOffset } = this.log
    return this.acknowledgedEndOffset < owedEndOffset ? owedEndOffset : null
  }

  nextFetchId(): number {
    this.#nextFetchId += 1
    return this.#nextFetchId
  }

  /** Of a proposal; no later leadership of this replica takes the answer for its own. */
  nextRequestId(): number {
    this.#requests += 1
    return this.#requests
  }

  emit(effect: ReplicationEffect): void {
    this.#effects.push(effect)
  }

  flush(): void {
    this.emit({ kind: 'flush', generation: this.log.generation })
  }

  raiseHighWatermark(offset: Offset): boolean {
    if (!this.log.advanceHighWatermark(offset)) return false
    this.emit({ kind: 'high-watermark', offset })
    return true
  }

  drain(): readonly ReplicationEffect[] {
    if (this.#effects.length === 0) return NOTHING
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

/** A topic with fewer replicas than `min.insync.replicas` asks for needs all that it has. */
export function leastIsrSize(config: ReplicationConfig, { replicas }: PartitionState): number {
  return Math.min(config.minInsyncReplicas, replicas.length)
}
