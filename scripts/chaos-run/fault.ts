/** What can be done to a running cluster. */

/** By name: what it does, and whether it is done to one node. */
export const FAULTS = {
  kill: { about: 'SIGKILL to one node, started again later', hasTarget: true },
  stop: { about: 'SIGTERM to one node, started again later', hasTarget: true },
  pause: { about: 'one node stands still (SIGSTOP), and goes on later', hasTarget: true },
  partition: { about: 'one node is cut off from all others, in both directions', hasTarget: true },
  oneway: { about: 'what one node sends arrives nowhere; what is sent to it does', hasTarget: true },
  wipe: { about: 'one node is killed and comes back with an empty disk', hasTarget: true },
  'restart-all': { about: 'SIGKILL to all nodes at once, all started again', hasTarget: false },
  rolling: { about: 'all brokers are stopped and started one after another', hasTarget: false },
} as const

export type FaultKind = keyof typeof FAULTS

export function isFaultKind(name: string): name is FaultKind {
  return Object.hasOwn(FAULTS, name)
}

/** One fault of a run. */
export interface PlannedFault {
  readonly atMs: number
  readonly kind: FaultKind
  /** Name of a node; null: all of them. */
  readonly node: string | null
  /** Until what was done is undone. */
  readonly durationMs: number
}
