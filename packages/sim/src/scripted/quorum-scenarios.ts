/** Traps that chance finds late, or that no invariant of a single step shows (RELIABILITY.md §1.2). */
import { assert, nodeId } from '@millrace/base'
import { cutOff, reconnect, requireActive, type ScriptedScenario } from './scripted-cluster.ts'

const MINUTE_MS = 60_000
const ROUNDS = 8
const HOUR_MS = 60 * MINUTE_MS
const TEN_YEARS_MS = 10 * 8766 * HOUR_MS
const WALL_JUMPS_MS = [HOUR_MS, -2 * HOUR_MS, TEN_YEARS_MS, -2 * TEN_YEARS_MS]

const flapping: ScriptedScenario = {
  id: 'flapping-voter',
  title: 'a voter that flaps for ten minutes changes the leader not once (trap 6)',
  shape: {},
  script(cluster) {
    const { world, checks } = cluster
    const leader = requireActive(cluster, 1000)
    const voter = cluster.controllers.find(({ id }) => id !== leader.id)!
    const { elections } = checks.quorum
    const rng = world.rng('flapping')
    for (const endMs = world.nowMs + 10 * MINUTE_MS; world.nowMs < endMs;) {
      cutOff(cluster, voter, true)
      world.runFor(100 + rng.below(4000))
      reconnect(cluster, voter)
      world.runFor(50 + rng.below(2000))
    }
    const changes = checks.quorum.elections - elections
    assert(changes === 0 && cluster.active?.id === leader.id, `${changes} changes of the leader`)
  },
}

const deafLeader: ScriptedScenario = {
  id: 'deaf-leader',
  title: 'a leader that hears nobody resigns, and another takes over (trap 5)',
  shape: {},
  script(cluster) {
    const { world } = cluster
    const leader = requireActive(cluster, 1000)
    cutOff(cluster, leader, false)
    world.runUntil(() => leader.quorum?.isActive === false, 5000, 'the resignation')
    world.runUntil(() => cluster.active !== null && cluster.active.id !== leader.id, 10_000, 'a new leader')
  },
}

const wipedVoter: ScriptedScenario = {
  id: 'wiped-voter',
  title: 'a voter whose disk was replaced has no vote under its old id (trap 8)',
  shape: { autoJoin: false },
  script(cluster) {
    const { world } = cluster
    const leader = requireActive(cluster, 1000)
    const wiped = cluster.controllers.find(({ id }) => id !== leader.id)!
    wiped.wipe()
    wiped.start()
    world.runFor(5000)
    assert(cluster.active?.id === leader.id, 'the others go on')
    leader.kill()
    world.runFor(20_000)
    assert(cluster.active === null, 'one voter and one without a past elect nobody')
    leader.start()
    requireActive(cluster, 10_000)
  },
}

const wipedMajority: ScriptedScenario = {
  id: 'wiped-majority',
  title: 'when two of three disks were replaced nobody is elected, and nothing is lost (trap 8)',
  shape: { autoJoin: false },
  script(cluster) {
    const { world } = cluster
    requireActive(cluster, 1000)
    for (const node of cluster.controllers.slice(0, 2)) {
      node.wipe()
      node.start()
    }
    world.runUntil(() => cluster.active === null, 10_000, 'the end of the old leader')
    world.runFor(MINUTE_MS)
    assert(cluster.active === null, 'nobody leads')
  },
}

const failovers: ScriptedScenario = {
  id: 'power-cut-leaders',
  title:
    'leader after leader loses power and what it has not synced, and nothing committed is lost (traps 1, 4, 15)',
  shape: {},
  script(cluster) {
    const { world } = cluster
    for (let round = 0; round < ROUNDS; round += 1) {
      const leader = requireActive(cluster, 20_000)
      leader.powerCut('none')
      world.runUntil(() => cluster.active !== null, 20_000, 'the next leader')
      leader.start()
      world.runFor(500)
    }
    assert(cluster.checks.quorum.elections > ROUNDS, 'each of them was followed by another')
  },
}

const quorumOfOne: ScriptedScenario = {
  id: 'quorum-of-one',
  title: 'a leader that needs nobody else never resigns (traps 5, KAFKA-16144)',
  shape: { controllers: 1 },
  script(cluster) {
    const leader = requireActive(cluster, 1000)
    cutOff(cluster, leader, true)
    cluster.world.runFor(5 * MINUTE_MS)
    assert(cluster.active?.id === leader.id && cluster.checks.quorum.elections === 1, 'it leads all the time')
  },
}

const deadLeaderOfObserver: ScriptedScenario = {
  id: 'observer-finds-leader',
  title: 'a broker finds the new leader although the old one is only unroutable (trap 13)',
  shape: {},
  script(cluster) {
    const { world } = cluster
    const [broker] = cluster.brokers
    const leader = requireActive(cluster, 1000)
    cutOff(cluster, leader, true)
    world.runUntil(
      () => cluster.nodes.some((node) => node.id !== leader.id && node.quorum?.isActive === true),
      20_000,
    )
    world.runUntil(() => broker!.quorum!.leader.id !== leader.id && broker!.quorum!.leader.id >= 0, 20_000)
  },
}

const wallClock: ScriptedScenario = {
  id: 'wall-clock-jumps',
  title: 'wall clocks that jump by hours and years end no session and no leadership (trap 37)',
  shape: { brokers: 2 },
  script(cluster) {
    const { world, checks } = cluster
    const { elections } = checks.quorum
    const registered = cluster.active?.quorum?.image.brokers
    for (const jumpMs of WALL_JUMPS_MS) {
      for (const node of cluster.nodes) {
        node.machine.clock.jumpWall(jumpMs)
        world.runFor(3000)
        const { brokers } = requireActive(cluster, 0).quorum!.image
        assert(brokers === registered, `a jump of node ${node.id} by ${jumpMs} ms has changed the brokers`)
      }
    }
    assert(checks.quorum.elections === elections, 'nobody was elected')
    const [broker] = cluster.brokers
    broker!.powerCut('all')
    for (const { machine } of cluster.nodes) machine.clock.jumpWall(-HOUR_MS)
    const isFenced = (): boolean =>
      cluster.active?.quorum?.image.brokers.get(nodeId(broker!.id))?.fenced === true
    world.runUntil(isFenced, 10_000, 'the end of the session of a broker that is gone')
  },
}

export const quorumScenarios: readonly ScriptedScenario[] = [
  flapping,
  deafLeader,
  wipedVoter,
  wipedMajority,
  failovers,
  quorumOfOne,
  deadLeaderOfObserver,
  wallClock,
]
