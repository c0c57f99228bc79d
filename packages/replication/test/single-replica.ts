/** One replica by itself, of a partition with the replicas 1, 2 and 3; this one is 1, all brokers are in their fifth epoch. */
import { leaderEpoch, nodeId, type Offset, offset as toOffset } from '@millrace/base'
import {
  type AckWait,
  type FollowerFetch,
  type LogSummary,
  PartitionReplica,
  type PartitionState,
  type ReplicaOptions,
  type ReplicationConfig,
  type ReplicationEffect,
  type ReplicationEvent,
} from '../src/index.ts'

export const BROKER_EPOCH = 5

export type EffectOf<K extends ReplicationEffect['kind']> = Extract<ReplicationEffect, { kind: K }>

function state(changes: Partial<Record<keyof PartitionState, unknown>> = {}): PartitionState {
  return {
    replicas: [1, 2, 3].map(nodeId),
    isr: [1, 2, 3].map(nodeId),
    leader: nodeId(1),
    leaderEpoch: leaderEpoch(1),
    partitionEpoch: 1,
    leaderRecoveryState: 0,
    ...changes,
  } as PartitionState
}

/** A log of records, one epoch after another: `[[1, 0], [2, 5]]` begins epoch 2 at 5. */
export function log(
  end: number,
  epochs: readonly (readonly [number, number])[],
  more: Partial<LogSummary> = {},
): LogSummary {
  return {
    logStartOffset: toOffset(0),
    logEndOffset: toOffset(end),
    flushedEndOffset: toOffset(end),
    epochs: epochs.map(([epoch, start]) => ({ epoch: leaderEpoch(epoch), startOffset: toOffset(start) })),
    highWatermark: toOffset(0),
    owedEndOffset: null,
    damagedFrom: null,
    ...more,
  }
}

export class SingleReplica {
  readonly replica: PartitionReplica
  nowMs = 1000
  config: ReplicationConfig = {
    flushPolicy: 'commit',
    minInsyncReplicas: 1,
    replicaLagTimeMaxMs: 100,
    proposalBackoffMs: 10,
  }
  readonly brokerEpochs = new Map([1, 2, 3].map((id) => [nodeId(id), BROKER_EPOCH]))
  readonly ineligible = new Set<number>()
  isOwnSessionOver = false
  effects: readonly ReplicationEffect[] = []
  #fetchIds = 0

  constructor(
    summary: LogSummary = log(0, []),
    config: Partial<ReplicationConfig> = {},
    options: Partial<ReplicaOptions> = {},
  ) {
    this.config = { ...this.config, ...config }
    this.replica = new PartitionReplica({
      id: nodeId(1),
      brokerEpoch: BROKER_EPOCH,
      log: summary,
      config: this.config,
      firstFetchId: 0,
      resumesEpochs: false,
      brokers: {
        brokerEpoch: (id) => this.brokerEpochs.get(id) ?? null,
        eligibleEpoch: (id) => (this.ineligible.has(id) ? null : (this.brokerEpochs.get(id) ?? null)),
        isOwnSessionOver: () => this.isOwnSessionOver,
      },
      ...options,
    })
  }

  step(event: ReplicationEvent): readonly ReplicationEffect[] {
    this.effects = this.replica.step(this.nowMs, event)
    return this.effects
  }

  metadata(changes: Partial<Record<keyof PartitionState, unknown>> = {}): readonly ReplicationEffect[] {
    return this.step({ kind: 'metadata', partition: state(changes) })
  }

  /** Of this generation, up to the end of the log. */
  flushed(generation = this.replica.generation, endOffset: Offset = this.replica.logEndOffset) {
    return this.step({ kind: 'flushed', generation, endOffset })
  }

  append(endOffset: number, isWaiting = true): readonly ReplicationEffect[] {
    const waits: AckWait[] = isWaiting ? [{ endOffset: toOffset(endOffset) }] : []
    return this.step({
      kind: 'appended',
      leaderEpoch: this.replica.leaderEpoch,
      endOffset: toOffset(endOffset),
      waits,
    })
  }

  /** By replica `id`, whose log is a beginning of this one unless told otherwise. */
  fetch(id: number, fetchOffset: number, changes: Partial<FollowerFetch> = {}): readonly ReplicationEffect[] {
    this.#fetchIds += 1
    const last = this.replica.epochs.findLast(({ startOffset }) => startOffset < fetchOffset)
    const fetch: FollowerFetch = {
      replicaId: nodeId(id),
      brokerEpoch: BROKER_EPOCH,
      fetchId: this.#fetchIds,
      leaderEpoch: this.replica.leaderEpoch,
      fetchOffset: toOffset(fetchOffset),
      lastFetchedEpoch: last?.epoch ?? leaderEpoch(-1),
      logStartOffset: this.replica.logStartOffset,
      highWatermark: toOffset(0),
      ...changes,
    }
    return this.step({ kind: 'fetch', fetch })
  }

  /** The only effect of this kind in the last step. */
  the<K extends ReplicationEffect['kind']>(kind: K): EffectOf<K> {
    const found = this.all(kind)
    if (found.length !== 1) throw new Error(`${found.length} effects ${kind}`)
    return found[0]!
  }

  all<K extends ReplicationEffect['kind']>(kind: K): EffectOf<K>[] {
    return this.effects.filter((effect) => effect.kind === kind) as EffectOf<K>[]
  }
}
