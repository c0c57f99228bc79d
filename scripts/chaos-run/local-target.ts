/** Processes on this machine, each behind a proxy so that single links can be cut. */
import { Cluster, type ClusterNode } from '../../test/rig/cluster.ts'
import { SmallDisk } from '../../test/rig/small-disk.ts'
import type { ChaosTarget, NodeState } from './chaos-target.ts'
import type { FaultKind } from './fault.ts'

const DISK_MEGABYTES = 256
const SLOW = { latencyMs: 60, bytesPerSecond: 250_000 }
/** Of a node's output, when it ended by itself. */
const LAST_LINES = 3

/** @param faults that will be asked for: what some of them need is set up only for these */
export async function startLocal(faults: readonly FaultKind[]): Promise<ChaosTarget> {
  const missing = new Map<FaultKind, string>()
  const noDisks = faults.includes('full-disk') ? SmallDisk.whyNot() : 'not asked for when the cluster began'
  if (noDisks !== null) missing.set('full-disk', noDisks)
  const settableClocks = faults.includes('clock')
  if (!settableClocks) missing.set('clock', 'not asked for when the cluster began')
  const disks = noDisks === null ? { brokerDiskMegabytes: DISK_MEGABYTES } : {}
  const cluster = await Cluster.start({ proxied: true, settableClocks, ownProcessGroups: true, ...disks })
  return targetOf(cluster, missing)
}

function targetOf(cluster: Cluster, missing: ReadonlyMap<FaultKind, string>): ChaosTarget {
  const named = new Map(cluster.nodes.map((node) => [`${node.role}-${node.id}`, node]))
  const on = (name: string): ClusterNode => named.get(name)!
  return {
    bootstrap: cluster.bootstrap,
    nodes: [...named.keys()],
    missing,
    states: async () => new Map([...named].map(([name, node]) => [name, stateOf(node)])),
    crashes: async () => [...named].flatMap(([name, node]) => crashOf(name, node)),
    kill: (name) => on(name).kill(),
    stop: async (name) => void (await on(name).stop()),
    start: async (name) => {
      if (!on(name).alive) await on(name).spawn()
    },
    pause: async (name) => on(name).pause(),
    resume: async (name) => on(name).resume(),
    cut: async (from, to) => cluster.cut(on(from), on(to)),
    async isolate(name, oneWay) {
      if (!oneWay) return cluster.isolate(on(name))
      for (const other of cluster.nodes) if (other !== on(name)) cluster.cut(on(name), other)
    },
    slow: async (name) => cluster.slow(on(name), SLOW),
    heal: async () => cluster.heal(),
    fillDisk: async (name) => on(name).fillDisk(),
    freeDisk: async (name) => on(name).freeDisk(),
    setClock: async (name, skewMs) => on(name).setClock(skewMs),
    wipe: async (name) => on(name).wipe(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

function stateOf(node: ClusterNode): NodeState {
  if (node.isPaused) return 'paused'
  return node.alive ? 'running' : 'down'
}

function crashOf(name: string, { endedByItself, output }: ClusterNode): string[] {
  if (endedByItself === null) return []
  const last = output.trimEnd().split('\n').slice(-LAST_LINES).join('\n    ')
  return [`${name} ended by itself (${endedByItself}):\n    ${last}`]
}
