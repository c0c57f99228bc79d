/**
 * The second phase of a run: faults have stopped, a core of the cluster is healthy, the rest may stay dead. Now everything
 * must come to rest within a bounded time, and go on working.
 */
import { NO_NODE, nodeId } from '@millrace/base'
import { BrokerError } from '@millrace/client'
import type { MetadataImage } from '@millrace/metadata'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { History } from '../workload/history.ts'
import type { SimClient } from '../workload/sim-client.ts'

const LIVENESS_MS = 120_000
const PROBE_TOPIC = 'liveness'

/** Why the cluster is not at rest yet; null: it is. */
function restlessness(cluster: SimCluster, history: History): string | null {
  const { active } = cluster
  if (active === null || active.quorum === null) return 'no active controller'
  const { image, endOffset } = active.quorum.current()
  if (history.pending.length > 0) return `pending: ${JSON.stringify(history.pending[0])}`
  for (const node of cluster.nodes) {
    const broker = node.plan.isBroker ? image.brokers.get(nodeId(node.id)) : undefined
    if (!node.isUp) {
      if (broker?.fenced === false) return `dead broker ${node.id} is not fenced`
      continue
    }
    if (node.isStopping) return `node ${node.id} is stopping`
    if (node.running === null && node.isDiskTouched) continue
    if (node.running === null) return `node ${node.id} is starting`
    if (node.quorum?.leader.id !== active.id)
      return `node ${node.id} follows ${node.quorum?.leader.id ?? NO_NODE}`
    const own = node.quorum.current().endOffset
    if (own !== endOffset) return `node ${node.id} is at ${own} of ${endOffset}`
    if (!node.plan.isBroker) continue
    if (broker === undefined || broker.fenced) return `broker ${node.id} is fenced`
  }
  return unsynced(cluster, image)
}

/** A replica that could be in sync, and is not; null: there is none. */
function unsynced(cluster: SimCluster, image: MetadataImage): string | null {
  for (const { name, partitions } of image.topics.values()) {
    for (const [index, { leader, replicas, isr }] of partitions.entries()) {
      // A replica stops rather than drop what it knows to be committed, where the leader's disk has lost that.
      if (leader === NO_NODE || replicas.some((id) => cluster.node(id).mayHaveLost)) continue
      for (const id of replicas) {
        const node = cluster.node(id)
        if (!isr.includes(id) && node.isUp) {
          return `${name}-${index}: replica ${id} of ${replicas.join()} is not in sync with ${leader}`
        }
      }
    }
  }
  return null
}

/** @throws Violation when something does not come to rest, or the cluster does not work */
export function requireLiveness(cluster: SimCluster, history: History, client: SimClient): void {
  const { world } = cluster
  const endMs = world.nowMs + LIVENESS_MS
  let reason: string | null = 'nothing happened'
  while ((reason = restlessness(cluster, history)) !== null) {
    if (!world.scheduler.step(endMs)) {
      throw world.violate('stuck', `[liveness] not at rest after ${LIVENESS_MS} ms: ${reason}`)
    }
  }
  world.perform(client.machine, () => probe(cluster, client), LIVENESS_MS)
  // The new topic's records are on their way.
  world.runUntil(() => restlessness(cluster, history) === null, LIVENESS_MS, 'rest after the probe')
}

/**
 * A broker that is well, for a topic of one replica. The choice is not left to the controller: what a broker that is dead
 * now sent while links were cut may arrive yet, and has it unfenced for another session. Null: all have given up, because
 * their disks have failed.
 */
function healthyBroker({ brokers }: SimCluster): number | null {
  const running = brokers.filter((node) => node.running !== null)
  return (running.find((node) => !node.isDiskTouched) ?? running[0])?.id ?? null
}

async function probe(cluster: SimCluster, { admin, producer }: SimClient): Promise<void> {
  const { checks } = cluster
  const broker = healthyBroker(cluster)
  if (broker === null) return
  const assignments = [[broker]]
  try {
    await admin.createTopics([{ name: PROBE_TOPIC, assignments }]).catch((error) => {
      // The answer to the first attempt was lost on a connection that had not noticed yet.
      if (!(error instanceof BrokerError && error.code === 'TOPIC_ALREADY_EXISTS')) throw error
    })
    const { offset } = await producer.send(PROBE_TOPIC, { value: 'alive' })
    if (offset !== 0) checks.violate('liveness', `the first record is at ${offset}`)
  } catch (error) {
    // Whatever it is: nothing stands in the way any more.
    checks.violate('liveness', `a healthy cluster refuses: ${String(error)}`)
  }
}

/**
 * Nodes that are healthy in the second phase: a majority of every voter set that may be in force, and a broker; or, where
 * `all` is set, every node.
 */
export function chooseCore(cluster: SimCluster, order: readonly number[], all: boolean): ReadonlySet<number> {
  const core = new Set<number>()
  // A quorum that has never had a leader needs all of its voters for the first.
  if (all || cluster.checks.quorum.isGenesis) return new Set(cluster.nodes.map(({ id }) => id))
  const nodes = order.map((id) => cluster.node(id))
  const sets = cluster.checks.quorum.voterSets.map((voters) => voters.map(({ id }) => id))
  const hasMajority = (ids: readonly number[]): boolean =>
    ids.filter((id) => core.has(id) && !cluster.node(id).isDiskTouched).length > ids.length / 2
  const add = (node: ClusterNode): void => void core.add(node.id)
  for (const node of nodes) {
    const isNeeded = sets.some((ids) => ids.includes(node.id) && !hasMajority(ids))
    if (node.plan.isController && isNeeded && !node.isDiskTouched) add(node)
  }
  // A voter that lost its disk has rejoined, or is a voter that nobody can do without.
  if (!sets.every(hasMajority)) for (const node of nodes) if (node.plan.isController) add(node)
  if (!nodes.some(({ id, plan, isDiskTouched }) => plan.isBroker && !isDiskTouched && core.has(id))) {
    const broker = nodes.find(({ plan, isDiskTouched }) => plan.isBroker && !isDiskTouched)
    if (broker !== undefined) add(broker)
  }
  return core
}
