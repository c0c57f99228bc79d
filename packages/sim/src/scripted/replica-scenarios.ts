/** Traps of partitions' replication that need faults in just the right order (RELIABILITY.md §1.2, 14–28). */
import { assert } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import { CHANGE_MS, keep, leaderOf, partitionOf, requireAllInSync } from './replicated-topic.ts'
import { attempt, requireRead, ScriptedClient } from './scripted-client.ts'
import { cutOff, requireServing, type ScriptedScenario, separate } from './scripted-cluster.ts'

const ROUNDS = 4
/** Of a sync on a slow disk: longer than it takes to notice that a leader is gone. */
const SLOW_SYNC_MS = 3000
/** For a broker to learn of what was decided, and to have a change of its ISR made. */
const SETTLED_MS = 1000
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

const failedLeader: ScriptedScenario = {
  id: 'leader-disk-fails',
  title: 'a leader whose disk failed takes no more appends, and another replica in sync leads (traps 29, 33)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2)
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round} first`])
      const leader = leaderOf(cluster)!
      leader.isDiskTouched = true
      const operation = round % 2 === 0 ? 'sync' : 'pwritev'
      leader.machine.disk.fail({ operation, path: /data-0\/\d+\.log$/, code: 'EIO' })
      keep(kept, client, [`${round} while it fails`])
      keep(kept, client, [`${round} since`])
      assert(leaderOf(cluster) !== leader, 'it still leads')
      leader.kill()
      leader.start()
      requireAllInSync(cluster)
      requireRead(client, kept)
    }
  },
}

const lastStanding: ScriptedScenario = {
  id: 'last-replica-standing',
  title: 'the last replica in sync, which lost its tail, does not have the others truncate theirs (trap 22)',
  shape: { controllers: 1, brokers: 3, flushPolicy: 'os' },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 3, { 'min.insync.replicas': '2' })
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round}.0`, `${round}.1`])
      const last = leaderOf(cluster)!
      const others = cluster.brokers.filter((broker) => broker !== last)
      for (const other of others) {
        other.kill()
        world.runUntil(
          () => !partitionOf(cluster).isr.some((id) => id === other.id),
          CHANGE_MS,
          'a smaller ISR',
        )
      }
      last.powerCut('none')
      world.runFor(1000)
      last.start()
      world.runFor(5000)
      for (const other of others) other.start()
      requireAllInSync(cluster)
      requireRead(client, kept)
    }
  },
}

const uncleanTold: ScriptedScenario = {
  id: 'unclean-election-told',
  title: 'an unclean election, where it is allowed, is logged and counted (trap 24)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2, { 'unclean.leader.election.enable': 'true' })
    client.produce('data', ['kept'])
    const leader = leaderOf(cluster)!
    const other = cluster.brokers.find((broker) => broker !== leader)!
    other.kill()
    client.produce('data', ['lost'])
    leader.kill()
    other.start()
    world.runUntil(() => leaderOf(cluster) === other, CHANGE_MS, 'the other to lead')
    assert(
      partitionOf(cluster).leaderRecoveryState === 1,
      'the metadata does not say that the leader recovers',
    )
    const told = world.log.lines().filter(({ message }) => message.startsWith('unclean leader election'))
    assert(told.length === 1, `it was logged ${told.length} times`)
  },
}

const readersFollow: ScriptedScenario = {
  id: 'reader-of-another-history',
  title:
    'a reader that is ahead of an unclean leader misses none of what that one appends (trap 16, KIP-320)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2, { 'unclean.leader.election.enable': 'true' })
    const seen = new ScriptedClient(cluster, 'reader').follow('data')
    for (let round = 0; round < ROUNDS; round += 1) {
      client.produce('data', [`${round} kept`])
      const leader = leaderOf(cluster)!
      const other = cluster.brokers.find((broker) => broker !== leader)!
      other.kill()
      const lost = [`${round} lost 0`, `${round} lost 1`]
      // A producer of its own: whose records are lost can't go on in their sequence.
      new ScriptedClient(cluster, `writer-${round}`).produce('data', lost)
      world.runUntil(() => lost.every((value) => seen.includes(value)), CHANGE_MS, 'what is lost to be read')
      leader.kill()
      other.start()
      world.runUntil(() => leaderOf(cluster) === other, CHANGE_MS, 'the other to lead')
      const values = Array.from({ length: 4 }, (_, i) => `${round} new ${i}`)
      client.produce('data', values)
      world.runUntil(() => seen.includes(values.at(-1)!), CHANGE_MS, 'the last to be read')
      const missed = values.filter((value) => !seen.includes(value))
      assert(missed.length === 0, `it never reads ${missed.join()}`)
      leader.start()
      requireAllInSync(cluster)
    }
  },
}

const thereAndBack: ScriptedScenario = {
  id: 'reassigned-and-back',
  title: 'a replica taken away and given back at once is not in sync by what it had before (trap 28)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    const [controller] = cluster.controllers
    client.createTopic('data', 1, 2)
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round}.0`, `${round}.1`])
      const leader = leaderOf(cluster)!
      const other = cluster.brokers.find((broker) => broker !== leader)!
      const admin = `admin-${round}`
      separate(cluster, admin, [leader.plan.name])
      const operator = new ScriptedClient(cluster, admin)
      // The leader sees both changes as one, the other each by itself.
      world.network.cut(controller!.plan.name, leader.plan.name)
      world.network.cut(other.plan.name, leader.plan.name)
      const taken = operator.reassignSoon('data', [leader.id])
      world.runUntil(() => !hasFolder(other), CHANGE_MS, 'the replica to go')
      const given = operator.reassignSoon('data', [leader.id, other.id])
      world.runUntil(() => partitionOf(cluster).replicas.length === 2, CHANGE_MS, 'the replica to come back')
      world.network.reset(controller!.plan.name, leader.plan.name)
      world.network.heal(controller!.plan.name, leader.plan.name)
      world.runFor(SETTLED_MS)
      assert(partitionOf(cluster).isr.length === 1, 'a replica that has nothing is in sync')
      world.network.healAll()
      world.runUntil(() => partitionOf(cluster).isr.length === 2, CHANGE_MS, 'two in sync')
      leader.kill()
      world.runUntil(() => leaderOf(cluster) === other, CHANGE_MS, 'the other to lead')
      requireRead(client, kept)
      taken()
      given()
      leader.start()
      requireAllInSync(cluster)
    }
  },
}

function hasFolder({ machine }: ClusterNode): boolean {
  return machine.disk.files().some((path) => path.startsWith('/data/data-0/'))
}

const zombie: ScriptedScenario = {
  id: 'zombie-leader',
  title:
    'a client that knows a newer leader does not go back to one that does not know its end (traps 16, 26)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2)
    const kept = new Map<number, string>()
    keep(kept, client, ['0'])
    const former = leaderOf(cluster)!
    const other = cluster.brokers.find((broker) => broker !== former)!
    cutOff(cluster, former, true)
    separate(cluster, 'client', [former.plan.name])
    world.runUntil(() => leaderOf(cluster) === other, CHANGE_MS, 'the other to lead')
    keep(kept, client, ['1', '2'])
    assert(client.end('data') === kept.size, 'the new leader knows the end')
    separate(cluster, 'client', [other.plan.name])
    world.network.heal('client', former.plan.name)
    world.network.heal(former.plan.name, 'client')
    for (let round = 0; round < ROUNDS; round += 1) {
      const end = attempt(() => client.end('data'))
      assert(end === null || end >= kept.size, `${kept.size} records were acknowledged, the end is ${end}`)
    }
    world.network.healAll()
    requireAllInSync(cluster)
    requireRead(client, kept)
  },
}

export const replicaScenarios: readonly ScriptedScenario[] = [
  joining,
  slowFollowers,
  slowDisk,
  failedLeader,
  lastStanding,
  uncleanTold,
  readersFollow,
  thereAndBack,
  zombie,
]
