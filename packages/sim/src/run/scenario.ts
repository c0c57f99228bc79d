/** A run, written down: what a seed stands for, or what is left of it after shrinking. */
import type { FaultEvent } from '../fault/fault-event.ts'
import type { Operation } from '../workload/operation.ts'
import type { SwarmConfig } from './swarm-config.ts'

export interface Scenario {
  readonly seed: number
  readonly config: SwarmConfig
  readonly operations: readonly Operation[]
  readonly faults: readonly FaultEvent[]
  /** What it shows, for a person who reads it. */
  readonly about?: string
  /** Where it was found, for a person who reads it. */
  readonly found?: { readonly gitHash: string; readonly violation: string }
}
