/** The partition of the topic `data`, as the active controller sees it. */
import type { PartitionImage } from '@millrace/metadata'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { ScriptedClient } from './scripted-client.ts'
import { requireActive, requireServing } from './scripted-cluster.ts'

/** Within so long the cluster does what it has to. */
export const CHANGE_MS = 60_000

/** Writes, and remembers what was acknowledged where. @throws MillraceError */
export function keep(kept: Map<number, string>, client: ScriptedClient, values: readonly string[]): void {
  client.produce('data', values).forEach((offset, i) => kept.set(offset, values[i]!))
}

export function partitionOf(cluster: SimCluster): PartitionImage {
  return requireActive(cluster, CHANGE_MS).quorum!.image.partition('data', 0)!
}

/** Who leads the topic's partition, as the controllers see it; undefined: nobody does. */
export function leaderOf(cluster: SimCluster): ClusterNode | undefined {
  const { leader } = partitionOf(cluster)
  return cluster.brokers.find(({ id }) => id === leader)
}

export function requireAllInSync(cluster: SimCluster): void {
  requireServing(cluster)
  const isWhole = (): boolean => {
    const { isr, replicas } = partitionOf(cluster)
    return isr.length === replicas.length
  }
  cluster.world.runUntil(isWhole, CHANGE_MS, 'all in sync')
}
