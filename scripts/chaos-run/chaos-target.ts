/** A cluster that can be broken, whatever its nodes run in. Every call resolves when it is done. */
import type { FaultKind } from './fault.ts'

export type NodeState = 'running' | 'paused' | 'down'

export interface ChaosTarget extends AsyncDisposable {
  /** Of all brokers, `host:port,…`. */
  readonly bootstrap: string
  /** Names of all nodes, `broker-1`, `controller-101`, … */
  readonly nodes: readonly string[]
  /** What can't be done to this target, with the reason. */
  readonly missing: ReadonlyMap<FaultKind, string>
  states(): Promise<ReadonlyMap<string, NodeState>>
  /** Nodes that ended though nobody ended them, in a sentence each. */
  crashes(): Promise<readonly string[]>
  kill(node: string): Promise<void>
  stop(node: string): Promise<void>
  /** Nothing, when it runs. */
  start(node: string): Promise<void>
  pause(node: string): Promise<void>
  resume(node: string): Promise<void>
  /** What `from` sends to `to` is lost; clients still reach both. */
  cut(from: string, to: string): Promise<void>
  /** All that the node sends to others is lost, and unless `oneWay` what they send to it. */
  isolate(node: string, oneWay: boolean): Promise<void>
  /** Its links to all other nodes. */
  slow(node: string): Promise<void>
  /** No link is cut or slow any more. */
  heal(): Promise<void>
  fillDisk(node: string): Promise<void>
  freeDisk(node: string): Promise<void>
  /** @param skewMs ahead of this machine's wall clock */
  setClock(node: string, skewMs: number): Promise<void>
  /** Of a node that does not run. */
  wipe(node: string): Promise<void>
}

/** Everything that runs is killed at once, and everything started. */
export async function restartAll(target: ChaosTarget): Promise<void> {
  const states = await target.states()
  await Promise.all(
    target.nodes.filter((name) => states.get(name) !== 'down').map((name) => target.kill(name)),
  )
  await Promise.all(target.nodes.map((name) => target.start(name)))
}
