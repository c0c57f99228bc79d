/**
 * Faults as data: what happens to whom at which time, with nothing left to chance, so that a plan can be written down,
 * cut to pieces and run again. Names of nodes are those of machines; `@leader` means whoever leads the quorum when the
 * fault strikes.
 */
import type { CrashMode } from '../disk/crash-mode.ts'
import type { DiskOperation } from '../disk/disk-fault.ts'

interface At {
  /** Virtual time. */
  readonly atMs: number
}

interface OfNode extends At {
  readonly node: string
}

interface Down extends OfNode {
  /** Until the node is started again. */
  readonly downMs: number
}

interface Lasting extends OfNode {
  readonly durationMs: number
}

interface Between extends At {
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** Somebody is down for a while. */
export type DownFault =
  | (Down & { readonly kind: 'kill' | 'stop' | 'wipe' })
  | (Down & { readonly kind: 'power-cut'; readonly mode: CrashMode })
  | (At & {
      readonly kind: 'power-cut-all'
      readonly nodes: readonly string[]
      readonly mode: CrashMode
      readonly downMs: number
    })
  /** In the middle of whatever the node writes then: `changes` more changes of its disk succeed. */
  | (Down & { readonly kind: 'power-cut-at-write'; readonly changes: number; readonly mode: CrashMode })
  /** One bit of a file at rest, while the node is down. `file` and `where` choose by remainder. */
  | (Down & { readonly kind: 'bit-flip'; readonly file: number; readonly where: number })

export type NetworkFault =
  | (Lasting & { readonly kind: 'isolate' })
  /** Cuts off whoever leads the quorum at that time. */
  | (At & { readonly kind: 'isolate-leader'; readonly durationMs: number })
  | (Between & { readonly kind: 'cut' | 'cut-one-way' | 'clog'; readonly durationMs: number })
  | (Between & { readonly kind: 'slow-link'; readonly latencyMs: number; readonly durationMs: number })
  /** `half-open`: only `from` notices. */
  | (Between & { readonly kind: 'reset' | 'half-open' })

/** A node goes on, under worse conditions. */
export type ConditionFault =
  | (Lasting & { readonly kind: 'pause' })
  | (Lasting & { readonly kind: 'slow-cpu'; readonly eventMs: number })
  | (Lasting & { readonly kind: 'slow-disk'; readonly latencyMs: number })
  | (Lasting & { readonly kind: 'short-io'; readonly oneIn: number })
  | (Lasting & { readonly kind: 'disk-full'; readonly freeBytes: number })
  | (OfNode & { readonly kind: 'sync-error' })
  | (OfNode & { readonly kind: 'io-error'; readonly operation: DiskOperation; readonly after: number })
  | (OfNode & { readonly kind: 'wall-jump'; readonly deltaMs: number })
  | (OfNode & { readonly kind: 'clock-drift'; readonly rate: number })

export type FaultEvent = DownFault | NetworkFault | ConditionFault

export type FaultKind = FaultEvent['kind']

export const FAULT_KINDS: readonly FaultKind[] = [
  'kill',
  'stop',
  'wipe',
  'power-cut',
  'power-cut-all',
  'power-cut-at-write',
  'pause',
  'isolate',
  'isolate-leader',
  'cut',
  'cut-one-way',
  'clog',
  'slow-link',
  'reset',
  'half-open',
  'slow-disk',
  'short-io',
  'disk-full',
  'sync-error',
  'io-error',
  'bit-flip',
  'slow-cpu',
  'wall-jump',
  'clock-drift',
]

/** Kinds after which a disk no longer has what it acknowledged. */
export const DATA_LOSS_KINDS: ReadonlySet<FaultKind> = new Set(['wipe', 'bit-flip', 'sync-error', 'io-error'])

export const LEADER = '@leader'
