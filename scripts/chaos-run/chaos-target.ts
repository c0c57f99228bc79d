/** A cluster that can be broken, whatever its nodes run in. Every call resolves when it is done. */
import type { FaultKind } from './fault.ts'

export interface ChaosTarget extends AsyncDisposable {
  /** Of all brokers, `host:port,…`. */
  readonly bootstrap: string
  /** Names of all nodes, `broker-1`, `controller-101`, … */
  readonly nodes: readonly string[]
  /** What can't be done to this target, with the reason. */
  readonly missing: ReadonlyMap<FaultKind, string>
  kill(node: string): Promise<void>
  stop(node: string): Promise<void>
  start(node: string): Promise<void>
  pause(node: string): Promise<void>
  resume(node: string): Promise<void>
  /** @param oneWay only what it sends is lost */
  cut(node: string, oneWay: boolean): Promise<void>
  heal(): Promise<void>
  /** Of a node that does not run. */
  wipe(node: string): Promise<void>
}
