/** A cluster as faults see it: machines by name, and the cluster's own books kept. */
import { DATA_LOSS_KINDS, type FaultEvent } from '../fault/fault-event.ts'
import type { FaultTarget } from '../fault/fault-target.ts'
import { EventKind } from '../kernel/trace.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { SimCluster } from './sim-cluster.ts'

/** 2026-01-01T00:00:00Z, when every simulation begins. */
const WALL_START_MS = 1_767_225_600_000

export function clusterTarget(cluster: SimCluster): FaultTarget {
  const { world } = cluster
  const on = (machine: string): ClusterNode => cluster.nodeOn(machine)
  return {
    network: world.network,
    nodes: cluster.nodes.map(({ plan }) => plan.name),
    leader: () => cluster.active?.plan.name ?? null,
    isUp: (node) => on(node).isUp,
    start: (node) => on(node).start(),
    kill: (node) => on(node).kill(),
    stop: (node, onStopped) => on(node).stop(onStopped),
    wipe: (node) => on(node).wipe(),
    powerCut: (node, mode) => on(node).powerCut(mode),
    powerCutAtWrite: (node, changes, mode, onCut) => on(node).powerCutAtWrite(changes, mode, onCut),
    pause: (node) => on(node).machine.pause(),
    resume: (node) => on(node).machine.resume(),
    setEventMs: (node, eventMs) => on(node).machine.setEventMs(eventMs),
    clock: (node) => on(node).machine.clock,
    disk: (node) => on(node).machine.disk,
  }
}

/** From the moment of such a fault on, a node may say that it can't go on, and is not counted on. */
export function markLosses(cluster: SimCluster, faults: readonly FaultEvent[]): void {
  for (const fault of faults) {
    if (!DATA_LOSS_KINDS.has(fault.kind) || !('node' in fault)) continue
    const node = cluster.nodeOn(fault.node)
    cluster.world.scheduler.schedule(fault.atMs, EventKind.fault, null, () => {
      node.isDiskTouched = true
    })
  }
}

/** What faults leave behind that nothing else undoes. */
export function settleMachines(cluster: SimCluster, shortOneIn: number): void {
  const wallMs = WALL_START_MS + cluster.world.nowMs
  for (const { machine } of cluster.nodes) {
    machine.disk.stopAfter(Infinity)
    machine.disk.setShort(shortOneIn)
    machine.clock.setRate(1)
    machine.clock.jumpWall(Math.round(wallMs - machine.clock.wallMs()))
  }
}
