/** Traps of what lies on disk: power cuts at every write, damage, no space, log starts (RELIABILITY.md §1.2, 9, 30–36). */
import { assert, nodeId } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { CrashMode } from '../disk/crash-mode.ts'
import { keep } from './replicated-topic.ts'
import { attempt, requireRead, ScriptedClient } from './scripted-client.ts'
import {
  cutPowerAtWrite,
  requireActive,
  requireServing,
  restart,
  type ScriptedScenario,
} from './scripted-cluster.ts'

const CUT_MODES: readonly CrashMode[] = ['none', 'torn', 'subset', 'torn', 'prefix']
const LARGE = 'x'.repeat(1500)
/** Checkpoints are written meanwhile. */
const FOLDER_FAILS_MS = 120_000
/** Of the smallest that a topic can have. */
const QUARTER_OF_SEGMENT = 'x'.repeat(250_000)

const snapshotCuts: ScriptedScenario = {
  id: 'power-cut-after-snapshot',
  title:
    'a power cut at any write after a snapshot has got its name loses neither it nor the log (traps 9, 35)',
  shape: { controllers: 1, snapshotBytes: 500, segmentBytes: 1500 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    const [controller] = cluster.controllers
    for (let round = 0; round < 60; round += 1) {
      const before = latestSnapshot(controller!)
      for (let i = 0; i < 4; i += 1) client.createTopicSoon(`topic-${round}-${i}`)
      world.runUntil(() => latestSnapshot(controller!) !== before, 30_000, 'a snapshot')
      cutPowerAtWrite(cluster, controller!, round % 12, round % 5 === 4 ? 'none' : 'subset')
      world.runFor(2000)
      requireServing(cluster)
    }
  },
}

const installCuts: ScriptedScenario = {
  id: 'power-cut-in-install',
  title:
    'a power cut at any write while a fetched snapshot takes the place of the log loses nothing (traps 9, 35)',
  shape: { snapshotBytes: 500, segmentBytes: 1500, autoJoin: false },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    for (let round = 0; round < 60; round += 1) {
      const leader = requireActive(cluster, 20_000)
      const follower = cluster.controllers.find(({ id }) => id !== leader.id)!
      follower.kill()
      for (let i = 0; i < 4; i += 1) client.createTopic(`topic-${round}-${i}`)
      const before = latestSnapshot(follower)
      follower.start()
      cluster.world.runUntil(() => latestSnapshot(follower) !== before, 30_000, 'a snapshot')
      cutPowerAtWrite(cluster, follower, round % 11, CUT_MODES[round % CUT_MODES.length]!)
      cluster.world.runFor(1500)
      requireServing(cluster)
    }
  },
}

const appendCuts: ScriptedScenario = {
  id: 'power-cut-in-append',
  title:
    'a tail that a power cut tears is cut, and nothing acknowledged with it, after a clean stop, too (traps 30, 31)',
  shape: { controllers: 1 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    client.createTopic('data')
    const kept = new Map<number, string>()
    // Each mode at each of the first writes.
    for (let round = 0; round < 7 * CUT_MODES.length; round += 1) {
      if (round % 3 === 0) restart(cluster, broker!)
      cutPowerAtWrite(cluster, broker!, 1 + (round % 7), CUT_MODES[round % CUT_MODES.length]!)
      const values = Array.from({ length: 5 }, (_, i) => `${round}.${i} ${LARGE}`)
      const offsets = attempt(() => client.produce('data', values)) ?? []
      offsets.forEach((offset, i) => kept.set(offset, values[i]!))
      requireServing(cluster)
      requireRead(client, kept)
    }
    assert(kept.size > 50, `only ${kept.size} records were acknowledged`)
  },
}

const failedSyncs: ScriptedScenario = {
  id: 'power-cut-after-failed-sync',
  title:
    'what a failed sync left to be seen is on disk before the next process counts on it: a power cut loses nothing ' +
    'acknowledged (trap 33)',
  shape: { controllers: 1, snapshotBytes: 1500, segmentBytes: 1500 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    const kept = new Map<number, string>()
    client.createTopic('data')
    for (let round = 0; round < 48; round += 1) {
      const isController = round % 2 === 0
      const node = isController ? cluster.controllers[0]! : cluster.brokers[0]!
      const { disk } = node.machine
      // It may halt for it.
      node.isDiskTouched = true
      disk.fail({
        operation: round % 4 < 2 ? 'sync' : 'syncDir',
        path: isController ? /__cluster_metadata/ : /data-0/,
        code: 'EIO',
        after: Math.floor(round / 4) % 4,
      })
      client.createTopicSoon(`failing-${round}`)
      attempt(() => client.produce('data', [`failing-${round} ${LARGE}`, `failing-${round}`]))
      world.runFor(500)
      disk.clearFaults()
      node.kill()
      node.start()
      requireServing(cluster)
      client.createTopic(`topic-${round}`)
      const values = [`${round} ${LARGE}`]
      client.produce('data', values).forEach((offset, i) => kept.set(offset, values[i]!))
      node.powerCut('none')
      world.runFor(100)
      node.start()
      requireServing(cluster)
      requireRead(client, kept)
    }
  },
}

const failedFolder: ScriptedScenario = {
  id: 'failed-sync-of-data-folder',
  title:
    'a broker whose data folder could not be synced ends, and the next process makes new partitions durable again ' +
    '(trap 33)',
  shape: { controllers: 1 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    const { machine } = broker!
    const kept = new Map<number, string>()
    client.createTopic('data')
    broker!.isDiskTouched = true
    for (let round = 0; round < 6; round += 1) {
      const { lives } = machine
      machine.disk.fail({ operation: 'syncDir', path: /^\/data$/, code: 'EIO' })
      // The name of a new partition's folder, or that of a checkpoint which takes the place of an older one.
      if (round % 2 === 0) {
        client.createTopic(`failing-${round}`)
        attempt(() => client.produce(`failing-${round}`, ['lost']))
      } else keep(kept, client, [`${round} before`])
      world.runUntil(() => machine.lives > lives, FOLDER_FAILS_MS, 'the end of the process')
      requireServing(cluster)
      client.createTopic(`topic-${round}`)
      client.produce(`topic-${round}`, ['kept'])
      keep(kept, client, [`${round} after`])
      broker!.powerCut('none')
      world.runFor(100)
      broker!.start()
      requireServing(cluster)
      assert([...client.read(`topic-${round}`).values()].join() === 'kept', 'a new partition lost its record')
      requireRead(client, kept)
    }
    assert(machine.halts.length === 6, `it halted ${machine.halts.length} times`)
  },
}

const damagedVoter: ScriptedScenario = {
  id: 'damaged-voter',
  title:
    'a voter whose log is damaged where it was durable says so, and does not vote with what is left (trap 32)',
  shape: {},
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    for (let i = 0; i < 10; i += 1) client.createTopic(`topic-${i}`)
    const leader = requireActive(cluster, 1000)
    const voter = cluster.controllers.find(({ id }) => id !== leader.id)!
    restart(cluster, voter)
    voter.kill()
    damage(voter, '/data/__cluster_metadata-0')
    voter.start()
    world.runFor(10_000)
    assert(voter.running === null, 'it serves although records that it had acknowledged are gone')
    client.createTopic('others-go-on')
  },
}

const damagedPartition: ScriptedScenario = {
  id: 'damaged-partition',
  title:
    'damage below the recovery point does not make the log end earlier: no offset is given twice (trap 32)',
  shape: { controllers: 1 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    client.createTopic('data')
    for (let i = 0; i < 10; i += 1) client.produce('data', [`${i} ${LARGE}`])
    restart(cluster, broker!)
    broker!.kill()
    damage(broker!, '/data/data-0')
    broker!.start()
    requireServing(cluster)
    const end = attempt(() => client.end('data'))
    assert(end === null || end >= 10, `the log ends at ${end}`)
    const offsets = attempt(() => client.produce('data', ['new']))
    assert(offsets === null || offsets[0]! >= 10, `offset ${offsets?.[0]} is given again`)
  },
}

const damagedTopicId: ScriptedScenario = {
  id: 'damaged-topic-id',
  title:
    'a bit that flips in the topic id of a folder does not make it the folder of an unknown topic (trap 32)',
  shape: { controllers: 1 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    const { disk } = broker!.machine
    const path = '/data/data-0/partition.metadata'
    const kept = new Map<number, string>()
    client.createTopic('data')
    broker!.isDiskTouched = true
    for (let round = 0; round < 12; round += 1) {
      keep(kept, client, [`value ${round}`])
      broker!.kill()
      const { byte, bit } = flippableInTopicId(disk.contentOf(path), round)
      disk.flipBit(path, byte, bit)
      broker!.start()
      requireServing(cluster)
      requireRead(client, kept)
    }
  },
}

/** A bit of the id's `character` whose flip leaves a character that ids may have. */
function flippableInTopicId(content: Buffer, character: number): { byte: number; bit: number } {
  const byte = content.indexOf('topic_id: ') + 'topic_id: '.length + character
  const flipped = (bit: number): string => String.fromCodePoint(content[byte]! ^ (1 << bit))
  return { byte, bit: [0, 1, 2, 3, 4, 5, 6].find((bit) => /[\w-]/.test(flipped(bit)))! }
}

const fullController: ScriptedScenario = {
  id: 'full-controller',
  title:
    'a broker that ended while its registration could not be stored is fenced when there is space again (trap 34)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const [controller] = cluster.controllers
    const [, broker] = cluster.brokers
    const { disk } = controller!.machine
    disk.setCapacity(disk.usedBytes())
    broker!.kill()
    broker!.start()
    world.runFor(10_000)
    broker!.kill()
    disk.setCapacity(null)
    const isFenced = () => cluster.active?.quorum?.image.brokers.get(nodeId(broker!.id))?.fenced === true
    world.runUntil(isFenced, 30_000, 'the fencing')
  },
}

const fullDisk: ScriptedScenario = {
  id: 'full-disk',
  title:
    'full disks stop changes, not processes; with space again all goes on, and half a batch is nowhere (trap 34)',
  shape: {},
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data')
    const kept = new Map<number, string>()
    const lives = cluster.nodes.map(({ machine }) => machine.lives)
    for (let round = 0; round < 6; round += 1) {
      // A leader that is full writes nothing that its followers could have no space for.
      const leader = round % 2 === 0 ? null : requireActive(cluster, 20_000)
      for (const node of cluster.nodes) {
        const { disk } = node.machine
        const roomBytes = node.plan.isBroker ? 300 + 170 * round : 20 * round
        if (node !== leader) disk.setCapacity(disk.usedBytes() + roomBytes)
      }
      attempt(() => client.createTopic(`while-full-${round}`))
      const values = [`${round}.0 ${LARGE}`, `${round}.1`]
      attempt(() => client.produce('data', values))
      for (const { machine } of cluster.nodes) machine.disk.setCapacity(null)
      world.runFor(5000)
      requireServing(cluster)
      client.createTopic(`again-${round}`)
      keep(
        kept,
        client,
        values.map((value) => `again ${value}`),
      )
    }
    const livesNow = cluster.nodes.map(({ machine }) => machine.lives)
    assert(String(livesNow) === String(lives), `lives ${lives.join()} became ${livesNow.join()}`)
    powerCutAll(cluster)
    requireRead(client, kept)
  },
}

const logStart: ScriptedScenario = {
  id: 'log-start-stays',
  title: 'the log start that DeleteRecords told of is that of after a power cut, too (trap 36)',
  shape: { controllers: 1 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    client.createTopic('data')
    client.produce(
      'data',
      Array.from({ length: 20 }, (_, i) => `value ${i}`),
    )
    for (const before of [5, 12, 20]) {
      client.deleteBefore('data', before)
      powerCutAll(cluster)
      const start = client.beginning('data')
      assert(start === before, `the log starts at ${start}, after it was said to start at ${before}`)
    }
  },
}

/** Files of a partition, and the data folder's that speak of it. */
const FILE_KINDS: readonly RegExp[] = [
  /data-0\/\d+\.log$/,
  /data-0\/\d+\.index$/,
  /data-0\/\d+\.timeindex$/,
  /data-0\/\d+\.snapshot$/,
  /data-0\/leader-epoch-checkpoint/,
  /recovery-point-offset-checkpoint/,
]

const failingFiles: ScriptedScenario = {
  id: 'failing-files',
  title:
    'a disk that fails at any kind of file costs no acknowledged record, and gives no offset twice (trap 29)',
  shape: { controllers: 1 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    const [broker] = cluster.brokers
    client.createTopic('data', 1, 1, { 'segment.bytes': String(2 ** 20) })
    const kept = new Map<number, string>()
    broker!.isDiskTouched = true
    for (const [kind, path] of FILE_KINDS.entries()) {
      for (const operation of ['pwritev', 'open'] as const) {
        broker!.machine.disk.fail({ operation, path, code: 'EIO', after: kind % 2 })
        for (let i = 0; i < 6; i += 1) {
          const value = `${kind}.${operation}.${i} ${QUARTER_OF_SEGMENT}`
          attempt(() => keep(kept, client, [value]))
        }
        broker!.machine.disk.heal()
        broker!.kill()
        world.runFor(500)
        broker!.start()
        requireServing(cluster)
        requireRead(client, kept)
      }
    }
    assert(kept.size > 20, `only ${kept.size} records were acknowledged`)
  },
}

function powerCutAll(cluster: SimCluster): void {
  for (const node of cluster.nodes) node.powerCut('none')
  cluster.world.runFor(1000)
  for (const node of cluster.nodes) node.start()
  requireServing(cluster)
  cluster.world.runFor(5000)
}

/** Its name; empty when there is none. */
function latestSnapshot({ machine }: ClusterNode): string {
  return machine.disk.files().findLast((path) => path.endsWith('.checkpoint')) ?? ''
}

/** One bit in the middle of the folder's first segment. */
function damage(node: ClusterNode, folder: string): void {
  const { disk } = node.machine
  const path = `${folder}/00000000000000000000.log`
  node.isDiskTouched = true
  disk.flipBit(path, Math.floor(disk.contentOf(path).length / 2), 3)
}

export const diskScenarios: readonly ScriptedScenario[] = [
  snapshotCuts,
  installCuts,
  appendCuts,
  failedSyncs,
  failedFolder,
  damagedVoter,
  damagedPartition,
  damagedTopicId,
  fullDisk,
  fullController,
  failingFiles,
  logStart,
]
