/** What clients do in a run, with all that is random about it drawn: it can be written down, cut and replayed. */
import type { PartitionImage } from '@millrace/metadata'

export type Operation = OperationBase &
  (
    | {
        readonly kind: 'create'
        readonly topic: string
        readonly partitions: number
        /** 1 when left out. */
        readonly replicas?: number
      }
    | { readonly kind: 'delete'; readonly topic: string }
    | { readonly kind: 'grow'; readonly topic: string; readonly partitions: number }
    | { readonly kind: 'alter'; readonly topic: string; readonly value: string }
    | {
        readonly kind: 'produce'
        readonly topic: string
        readonly partition: number
        readonly values: string[]
      }
    | { readonly kind: 'read'; readonly topic: string }
    | { readonly kind: 'list' }
    /** With `backMs`, so much later the replicas that it had get it back, unless another reassignment was in progress. */
    | {
        readonly kind: 'reassign'
        readonly topic: string
        readonly partition: number
        readonly replicas: readonly number[]
        readonly backMs: number | null
      }
    | { readonly kind: 'remove-voter'; readonly node: number }
    | { readonly kind: 'add-voter'; readonly node: number }
  )

interface OperationBase {
  readonly id: number
  readonly atMs: number
  /** Name of the client's machine. */
  readonly client: string
}

export type OperationKind = Operation['kind']

/** `min.insync.replicas` of a topic with so many replicas. */
export function leastInSync(replicas: number): number {
  return Math.ceil((replicas + 1) / 2) - (replicas === 2 ? 1 : 0)
}

/** As the topic was created: without the replicas that a reassignment adds. */
export function replicationFactorOf({ replicas, addingReplicas }: PartitionImage): number {
  return replicas.length - addingReplicas.length
}

/** What its client was told. `info`: nothing definite. */
export type Outcome = 'ok' | 'fail' | 'info'

/** The config whose values make alterations tell-tale: far above anything that would drop data. */
export const ALTERED_KEY = 'retention.ms'
