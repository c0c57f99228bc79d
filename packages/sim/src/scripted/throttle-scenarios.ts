/** Replication throttles (KIP-73): how long a move takes under a rate, and that nobody in sync waits for it. */
import { assert } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import { CHANGE_MS, leaderOf, partitionOf, requireAllInSync } from './replicated-topic.ts'
import { ScriptedClient } from './scripted-client.ts'
import type { ScriptedScenario } from './scripted-cluster.ts'
import { SteadyWriter } from './steady-writer.ts'

const VALUE = 'x'.repeat(100_000)
const VALUES = 40
const BYTES = VALUE.length * VALUES
const BYTES_PER_SECOND = 500_000
const SHARE_MS = (BYTES / BYTES_PER_SECOND) * 1000
/** A quota gives the second before at once, and may give one batch more than it has; what is written meanwhile counts, too. */
const SPARE_MS = 1000
const LATE_MS = 2000
/** Of a write that no other replica has anything to do with, with room for a slow sync. */
const SILENCE_MS_MAX = 50

const SIDES = ['leader', 'follower'] as const
type Side = (typeof SIDES)[number]

const moves = SIDES.map((side): ScriptedScenario => ({
  id: `throttled-move-${side}`,
  title: `a move under a rate of its ${side} takes as long as its bytes, and writes do not wait for it`,
  shape: { controllers: 1, brokers: 3, syncStallMs: 5 },
  script(cluster) {
    const { client, newcomer } = newcomerTo(cluster)
    const writer = new SteadyWriter(cluster, 'data')
    throttle(cluster, client, side, newcomer, BYTES_PER_SECOND)
    writer.waitForNext()
    writer.takeLongestSilenceMs()
    const tookMs = moveMs(cluster, client, newcomer)
    const silenceMs = writer.takeLongestSilenceMs()
    assert(tookMs >= SHARE_MS - SPARE_MS, `it took only ${tookMs} ms instead of ${SHARE_MS}`)
    assert(tookMs <= SHARE_MS + LATE_MS, `it took ${tookMs} ms instead of ${SHARE_MS}`)
    assert(silenceMs <= SILENCE_MS_MAX, `writes stood still for ${silenceMs} ms`)
    assert(writer.errors.length === 0, `the writer was told ${writer.errors[0]}`)
  },
}))

const freed = SIDES.map((side): ScriptedScenario => ({
  id: `throttle-removed-${side}`,
  title: `what a throttle of the ${side} holds up goes on at once when its rate is taken away`,
  shape: { controllers: 1, brokers: 3 },
  script(cluster) {
    const { client, newcomer } = newcomerTo(cluster)
    throttle(cluster, client, side, newcomer, 0)
    const { replicas } = partitionOf(cluster)
    client.reassignSoon('data', [...replicas, newcomer.id])()
    cluster.world.runFor(CHANGE_MS)
    assert(partitionOf(cluster).isr.length === 2, 'it was copied under a rate of nothing')
    const beganMs = cluster.world.nowMs
    unthrottle(cluster, client)
    requireAllInSync(cluster)
    const tookMs = cluster.world.nowMs - beganMs
    assert(tookMs < SHARE_MS / 4, `it took ${tookMs} ms after the throttle was gone`)
  },
}))

/** A topic with something in it, and the broker that has nothing of it. */
function newcomerTo(cluster: SimCluster): { client: ScriptedClient; newcomer: ClusterNode } {
  const client = new ScriptedClient(cluster)
  client.createTopic('data', 1, 2)
  requireAllInSync(cluster)
  for (let i = 0; i < VALUES; i += 1) client.produce('data', [VALUE])
  const { replicas } = partitionOf(cluster)
  const newcomer = cluster.brokers.find(({ id }) => !replicas.some((replica) => replica === id))!
  return { client, newcomer }
}

/** Until the newcomer has all. */
function moveMs(cluster: SimCluster, client: ScriptedClient, newcomer: ClusterNode): number {
  const { world } = cluster
  const beganMs = world.nowMs
  client.reassignSoon('data', [...partitionOf(cluster).replicas, newcomer.id])()
  requireAllInSync(cluster)
  return world.nowMs - beganMs
}

function throttle(
  cluster: SimCluster,
  client: ScriptedClient,
  side: Side,
  newcomer: ClusterNode,
  bytesPerSecond: number,
): void {
  const throttled = side === 'leader' ? leaderOf(cluster)! : newcomer
  client.alterConfigs([
    {
      type: 'topic',
      name: 'data',
      set: { [`${side}.replication.throttled.replicas`]: `0:${throttled.id}` },
    },
    {
      type: 'broker',
      name: String(throttled.id),
      set: { [`${side}.replication.throttled.rate`]: String(bytesPerSecond) },
    },
  ])
}

function unthrottle({ brokers }: SimCluster, client: ScriptedClient): void {
  client.alterConfigs(
    brokers.map(({ id }) => ({
      type: 'broker',
      name: String(id),
      remove: SIDES.map((side) => `${side}.replication.throttled.rate`),
    })),
  )
}

export const throttleScenarios: readonly ScriptedScenario[] = [...moves, ...freed]
