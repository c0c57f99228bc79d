/** A calm cluster of three controllers and a broker, for scenarios that are written by hand. */
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { ClusterShape } from '../cluster/node-plan.ts'
import { loadPlans, SimCluster } from '../cluster/sim-cluster.ts'
import type { CrashMode } from '../disk/crash-mode.ts'
import { EventKind } from '../kernel/trace.ts'
import { simulate } from '../world/simulate.ts'

const CALM: ClusterShape = {
  controllers: 3,
  brokers: 1,
  isCombined: false,
  timeoutFactor: 1,
  flushPolicy: 'commit',
  segmentBytes: 2 ** 30,
  snapshotBytes: 2 ** 30,
  snapshotIntervalMs: 3_600_000,
  autoJoin: true,
  latencyMs: 0.1,
  jitterMs: 0.2,
  syncMs: 4,
  syncStallMs: 50,
  shortOneIn: 0,
}

const START_MS = 30_000
const RESTART_MS = 100
const SEED = 1

export interface ScriptedScenario {
  readonly id: string
  /** The guarantee. */
  readonly title: string
  readonly shape: Partial<ClusterShape>
  /** @param cluster with a leader, and all of it serving. @throws Violation, Error */
  script(cluster: SimCluster): void
}

/** @throws Violation, Error where the guarantee does not hold */
export async function runScripted({ shape, script }: ScriptedScenario): Promise<void> {
  const whole = { ...CALM, ...shape }
  const plans = await loadPlans(whole)
  const { latencyMs, jitterMs, syncMs, syncStallMs, shortOneIn } = whole
  const network = { latencyMs, jitterMs }
  const disk = { latencyMsMax: syncMs, stallOneIn: 100, stallMsMax: syncStallMs, shortOneIn }
  await simulate({ seed: SEED, network, disk }, (world) => {
    const cluster = new SimCluster(world, plans)
    cluster.start()
    world.runUntil(() => cluster.nodes.every(({ running }) => running !== null), START_MS, 'the start')
    world.runFor(1000)
    script(cluster)
  })
}

/** Waits for a leader. @throws Violation of kind `stuck` */
export function requireActive(cluster: SimCluster, limitMs: number): ClusterNode {
  cluster.world.runUntil(() => cluster.active !== null, limitMs, 'a leader')
  return cluster.active!
}

/** In the middle of what `node` writes next: `changes` more changes of its disk succeed. It starts again soon after. */
export function cutPowerAtWrite(
  cluster: SimCluster,
  node: ClusterNode,
  changes: number,
  mode: CrashMode,
): void {
  node.powerCutAtWrite(changes, mode, () => {
    cluster.world.scheduler.schedule(RESTART_MS, EventKind.task, null, () => node.start())
  })
}

/** SIGTERM, and a new start. @throws Violation when it takes too long */
export function restart(cluster: SimCluster, node: ClusterNode): void {
  const { world } = cluster
  node.stop(() => {})
  world.runUntil(() => !node.isUp, START_MS, 'the end')
  node.start()
  requireServing(cluster)
}

/** @throws Violation of kind `stuck` */
export function requireServing(cluster: SimCluster): void {
  cluster.world.runUntil(() => cluster.nodes.every(({ running }) => running !== null), START_MS, 'the start')
  requireActive(cluster, START_MS)
}

/** Nothing reaches `node` any more; with `bothWays`, nothing leaves it either. */
export function cutOff(cluster: SimCluster, node: ClusterNode, bothWays: boolean): void {
  forOthers(cluster, node, (name, other) => {
    cluster.world.network.cut(other, name)
    if (bothWays) cluster.world.network.cut(name, other)
  })
}

export function reconnect(cluster: SimCluster, node: ClusterNode): void {
  forOthers(cluster, node, (name, other) => {
    cluster.world.network.heal(other, name)
    cluster.world.network.heal(name, other)
  })
}

/** Nothing passes between the machines of these names, in either direction; of the one and each of the others. */
export function separate({ world }: SimCluster, one: string, others: readonly string[]): void {
  for (const other of others) {
    world.network.cut(one, other)
    world.network.cut(other, one)
  }
}

function forOthers(
  { nodes }: SimCluster,
  node: ClusterNode,
  act: (name: string, other: string) => void,
): void {
  for (const { plan } of nodes) if (plan.id !== node.id) act(node.plan.name, plan.name)
}
