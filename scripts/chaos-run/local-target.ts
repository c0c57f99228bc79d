/** Processes on this machine, each behind a proxy so that single links can be cut. */
import { Cluster, type ClusterNode } from '../../test/rig/cluster.ts'
import type { ChaosTarget } from './chaos-target.ts'

export async function startLocal(): Promise<ChaosTarget> {
  const cluster = await Cluster.start({ proxied: true })
  const named = new Map(cluster.nodes.map((node) => [`${node.role}-${node.id}`, node]))
  const on = (name: string): ClusterNode => named.get(name)!
  return {
    bootstrap: cluster.bootstrap,
    nodes: [...named.keys()],
    missing: new Map(),
    kill: (name) => on(name).kill(),
    stop: async (name) => void (await on(name).stop()),
    start: (name) => on(name).spawn(),
    pause: async (name) => on(name).pause(),
    resume: async (name) => on(name).resume(),
    async cut(name, oneWay) {
      if (!oneWay) return cluster.isolate(on(name))
      for (const other of cluster.nodes) if (other !== on(name)) cluster.cut(on(name), other)
    },
    heal: async () => cluster.heal(),
    wipe: async (name) => on(name).wipe(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}
