/** What can be done to a running cluster. */

/** By name: what it does, and to what: any node, a broker, or all of them. */
export const FAULTS = {
  kill: { about: 'SIGKILL to one node, started again later', to: 'node' },
  stop: { about: 'SIGTERM to one node, started again later', to: 'node' },
  pause: { about: 'one node stands still (SIGSTOP), and goes on later', to: 'node' },
  partition: { about: 'one node is cut off from all others, in both directions', to: 'node' },
  oneway: { about: 'what one node sends arrives nowhere; what is sent to it does', to: 'node' },
  slow: { about: 'the links of one node to all others are slow and narrow', to: 'node' },
  'full-disk': { about: 'the disk of one broker is full for a while', to: 'broker' },
  clock: { about: 'the wall clock of one node jumps, and back later', to: 'node' },
  'restart-all': { about: 'SIGKILL to all nodes at once, all started again', to: 'all' },
  rolling: { about: 'all brokers are stopped and started one after another', to: 'all' },
  wipe: { about: 'one node is killed and comes back with an empty disk', to: 'node' },
} as const satisfies Readonly<Record<string, { about: string; to: 'node' | 'broker' | 'all' }>>

export type FaultKind = keyof typeof FAULTS

export function isFaultKind(name: string): name is FaultKind {
  return Object.hasOwn(FAULTS, name)
}

/** Who is hit, found out when it happens: the leader of a partition of the workload, or the active controller. */
export const ROLES = ['leader', 'controller'] as const
export type Role = (typeof ROLES)[number]

/** One fault of a run. */
export interface PlannedFault {
  readonly atMs: number
  readonly kind: FaultKind
  /** A node's name or a `Role`; null: all of them. */
  readonly aim: string | null
  /** Until what was done is undone. */
  readonly durationMs: number
  /** Of `clock`: how far it jumps; else 0. */
  readonly skewMs: number
}
