/**
 * For how long writes stand still when the leader of a partition goes, in one way or another: an upper bound for each, in a
 * world where a message takes a fraction of a millisecond and a sync some. What is left is what the protocol waits for.
 */
import { assert } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import { leaderOf, requireAllInSync } from './replicated-topic.ts'
import { ScriptedClient } from './scripted-client.ts'
import { cutOff, reconnect, restart, type ScriptedScenario } from './scripted-cluster.ts'
import { SteadyWriter } from './steady-writer.ts'

const ROUNDS = 3
/** Three disks that each take so long for a sync once in a while are no failover. */
const SHAPE = { controllers: 3, brokers: 3, syncStallMs: 5 } as const
const SETTLE_MS = 500
/** Longer than a session, and than a client takes to notice. */
const FAULT_MS = 5000

const rolling: ScriptedScenario = {
  id: 'rolling-restart',
  title: 'writes stand still for less than 50 ms when brokers are restarted in turn',
  shape: SHAPE,
  script(cluster) {
    const writer = startWriting(cluster)
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const broker of cluster.brokers) {
        restart(cluster, broker)
        requireAllInSync(cluster)
        writer.waitForNext()
        requireStall(writer, 50, `broker ${broker.id} was restarted`)
      }
    }
    requireNoErrors(writer)
  },
}

const killed: ScriptedScenario = {
  id: 'leader-killed',
  title: 'writes stand still for less than 150 ms when the process that leads is killed',
  shape: SHAPE,
  script(cluster) {
    faultsOfLeaders(cluster, 150, {
      begin: (leader) => leader.kill(),
      end: (leader) => leader.start(),
    })
  },
}

const paused: ScriptedScenario = {
  id: 'leader-paused',
  title: 'writes stand still for a session and little more when the process that leads stands still',
  shape: SHAPE,
  script(cluster) {
    faultsOfLeaders(cluster, 2500, {
      begin: (leader) => leader.machine.pause(),
      end: (leader) => leader.machine.resume(),
    })
  },
}

const cutFromCluster: ScriptedScenario = {
  id: 'leader-cut-from-cluster',
  title: 'writes stand still for a session and little more when only clients reach the leader',
  shape: SHAPE,
  script(cluster) {
    faultsOfLeaders(cluster, 2500, {
      begin: (leader) => cutOff(cluster, leader, true),
      end: (leader) => reconnect(cluster, leader),
    })
  },
}

const cutFromControllers: ScriptedScenario = {
  id: 'leader-cut-from-controllers',
  title: 'writes stand still for less than 750 ms when the leader is replaced and does not hear of it',
  shape: SHAPE,
  script(cluster) {
    const { network } = cluster.world
    faultsOfLeaders(cluster, 750, {
      begin({ plan }) {
        for (const controller of cluster.controllers) {
          network.cut(plan.name, controller.plan.name)
          network.cut(controller.plan.name, plan.name)
        }
      },
      end: (leader) => reconnect(cluster, leader),
    })
  },
}

const noControllers: ScriptedScenario = {
  id: 'no-controllers',
  title: 'leaders that have their followers lead on while there is no controller at all',
  shape: SHAPE,
  script(cluster) {
    const writer = startWriting(cluster)
    for (const controller of cluster.controllers) controller.kill()
    cluster.world.runFor(2 * FAULT_MS)
    writer.waitForNext()
    requireStall(writer, 50, 'there was no controller')
    for (const controller of cluster.controllers) controller.start()
    requireAllInSync(cluster)
    requireNoErrors(writer)
  },
}

interface Fault {
  begin(leader: ClusterNode): void
  end(leader: ClusterNode): void
}

/** Again and again, at another moment between two heartbeats. */
function faultsOfLeaders(cluster: SimCluster, stallMsMax: number, { begin, end }: Fault): void {
  const writer = startWriting(cluster)
  for (let round = 0; round < ROUNDS; round += 1) {
    const leader = leaderOf(cluster)!
    cluster.world.runFor(100 + 37 * round)
    begin(leader)
    cluster.world.runFor(FAULT_MS)
    writer.waitForNext()
    requireStall(writer, stallMsMax, `of the fault of broker ${leader.id}`)
    end(leader)
    requireAllInSync(cluster)
    writer.waitForNext()
    requireStall(writer, 50, `broker ${leader.id} came back`)
  }
  requireNoErrors(writer)
}

function startWriting(cluster: SimCluster): SteadyWriter {
  new ScriptedClient(cluster).createTopic('data', 1, 3, { 'min.insync.replicas': '2' })
  const writer = new SteadyWriter(cluster, 'data')
  writer.waitForNext()
  cluster.world.runFor(SETTLE_MS)
  writer.takeLongestSilenceMs()
  return writer
}

function requireStall(writer: SteadyWriter, stallMsMax: number, because: string): void {
  const stallMs = writer.takeLongestSilenceMs()
  assert(stallMs <= stallMsMax, `writes stood still for ${stallMs.toFixed(0)} ms because ${because}`)
}

function requireNoErrors({ errors }: SteadyWriter): void {
  assert(errors.length === 0, `the application was told: ${errors[0]}`)
}

export const failoverScenarios: readonly ScriptedScenario[] = [
  rolling,
  killed,
  paused,
  cutFromCluster,
  cutFromControllers,
  noControllers,
]
