/** Traps of partitions' replication that need faults in just the right order (RELIABILITY.md §1.2, 14–23). */
import { assert } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import { CHANGE_MS, leaderOf, partitionOf, requireAllInSync } from './replicated-topic.ts'
import { attempt, requireRead, ScriptedClient } from './scripted-client.ts'
import { requireServing, type ScriptedScenario } from './scripted-cluster.ts'

const ROUNDS = 4
/** Of a sync on a slow disk: longer than it takes to notice that a leader is gone. */
const SLOW_SYNC_MS = 3000
/** Longer than the controller takes to change an ISR, shorter than what a replica may lag behind. */
const SLOW_LINK = { latencyMs: 300, jitterMs: 1 }

const joining: ScriptedScenario = {
  id: 'leader-ends-as-another-joins',
  title:
    'whoever has just been taken into the ISR has all that was acknowledged, and what is acknowledged then (traps 19, 20)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2)
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const leader = leaderOf(cluster)!
      const other = cluster.brokers.find((broker) => broker !== leader)!
      other.kill()
      for (let i = 0; i < 3; i += 1) keep(kept, client, [`${round}.${i}`])
      world.network.setDelay(leader.plan.name, other.plan.name, SLOW_LINK)
      other.start()
      world.runUntil(() => partitionOf(cluster).isr.length === 2, CHANGE_MS, 'two in sync')
      // The leader does not hear that it is so, and nothing gets to the other any more.
      world.network.cut(cluster.controllers[0]!.plan.name, leader.plan.name)
      world.network.cut(leader.plan.name, other.plan.name)
      attempt(() => keep(kept, client, [`${round} to one of two`]))
      leader.kill()
      world.network.healAll()
      world.network.setDelay(leader.plan.name, other.plan.name, null)
      world.runUntil(() => leaderOf(cluster) === other, CHANGE_MS, 'the other to lead')
      requireRead(client, kept)
      leader.start()
      requireAllInSync(cluster)
    }
    assert(kept.size >= 3 * ROUNDS, `only ${kept.size} records were acknowledged`)
  },
}

const slowFollowers: ScriptedScenario = {
  id: 'power-cut-followers',
  title: 'what was acknowledged is on the disks of all in sync, however slow they are (flush.policy=commit)',
  shape: { controllers: 1, brokers: 3 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 3, { 'min.insync.replicas': '2' })
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const leader = leaderOf(cluster)!
      const followers = cluster.brokers.filter((broker) => broker !== leader)
      for (const { machine } of followers) machine.disk.setSlow(SLOW_SYNC_MS)
      keep(kept, client, [`${round}.0`, `${round}.1`])
      leader.kill()
      world.runUntil(
        () => followers.some((follower) => follower === leaderOf(cluster)),
        CHANGE_MS,
        'a leader',
      )
      for (const follower of followers) powerCutSlow(follower)
      requireRead(client, kept)
      leader.start()
      requireAllInSync(cluster)
    }
  },
}

const slowDisk: ScriptedScenario = {
  id: 'power-cut-slow-disk',
  title: 'what the only replica acknowledged is on its disk, however slow that is (flush.policy=commit)',
  shape: { controllers: 1 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    client.createTopic('data')
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      broker!.machine.disk.setSlow(SLOW_SYNC_MS)
      keep(kept, client, [`${round}.0`, `${round}.1`])
      powerCutSlow(broker!)
      requireServing(cluster)
      requireRead(client, kept)
    }
  },
}

/** What its slow disk has not synced is gone; it starts again at once, and is slow no more. */
function powerCutSlow(node: ClusterNode): void {
  node.powerCut('none')
  node.machine.disk.setSlow(0)
  node.start()
}

function keep(kept: Map<number, string>, client: ScriptedClient, values: readonly string[]): void {
  client.produce('data', values).forEach((offset, i) => kept.set(offset, values[i]!))
}

export const replicaScenarios: readonly ScriptedScenario[] = [joining, slowFollowers, slowDisk]
