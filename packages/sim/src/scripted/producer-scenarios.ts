/** Traps of producers that send again what may be stored already (RELIABILITY.md §1.2, 42–45), and of their ids. */
import { assert, crc32c } from '@millrace/base'
import type { ClusterNode } from '../cluster/cluster-node.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import { CHANGE_MS, keep, leaderOf, partitionOf, requireAllInSync } from './replicated-topic.ts'
import { RawProducer } from './raw-producer.ts'
import { attempt, requireRead, ScriptedClient } from './scripted-client.ts'
import {
  cutOff,
  reconnect,
  requireActive,
  requireServing,
  type ScriptedScenario,
  separate,
} from './scripted-cluster.ts'

const ROUNDS = 4
/** As long as it takes to show what happens within days. */
const HOUR_MS = 500
const DAY_MS = 24 * HOUR_MS
/** Nothing is forgotten by the wall clock. */
const JUMP_MS = 365 * 86_400_000
/** Long enough for what was sent to be stored, and for an answer to be lost. */
const STORED_MS = 400
const BATCH_BYTES = 1000
/** Three of them fill a batch of this size, so that fifteen are five batches. */
const THIRD_OF_BATCH = 'x'.repeat(300)
/** Three of them fill a segment of this size, the smallest that a topic can have. */
const SEGMENT = { 'segment.bytes': String(2 ** 20) }
const THIRD_OF_SEGMENT = 'x'.repeat(400_000)

const answersLost: ScriptedScenario = {
  id: 'answers-lost',
  title:
    'five batches whose answers were lost are stored once, and the next leader knows their offsets (traps 42, 43)',
  shape: { controllers: 1, brokers: 3 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster, 'client', { batchBytesMax: BATCH_BYTES })
    client.createTopic('data', 1, 3, { 'min.insync.replicas': '2' })
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round} first`])
      const leader = leaderOf(cluster)!
      const values = Array.from({ length: 15 }, (_, i) => `${round}.${i} ${THIRD_OF_BATCH}`)
      world.network.cut(leader.plan.name, 'client')
      const answers = client.produceSoon('data', values)
      world.runFor(STORED_MS)
      // Without power it does not send again what was lost on its way.
      leader.powerCut('all')
      world.network.healAll()
      answers().forEach((offset, i) => kept.set(offset, values[i]!))
      leader.start()
      requireAllInSync(cluster)
    }
    requireRead(client, kept)
  },
}

const droppedSince: ScriptedScenario = {
  id: 'stored-and-dropped',
  title: 'a batch that was stored, and dropped by retention since, is not stored again (trap 43)',
  shape: { controllers: 1 },
  script(cluster) {
    const { world } = cluster
    const [client, other] = [new ScriptedClient(cluster), new ScriptedClient(cluster, 'other')]
    const [broker] = cluster.brokers
    client.createTopic('data', 1, 1, SEGMENT)
    client.produce('data', ['first'])
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = sendUnanswered(cluster, client, [`${round} dropped`])
      const end = other.end('data')
      other.produce('data', fillers(`${round}`))
      other.produce('data', [`${round} last`])
      other.deleteBefore('data', end)
      world.network.heal(broker!.plan.name, 'client')
      const [offset] = answers()
      assert(offset === end - 1, `stored at ${end - 1}, answered with ${offset}`)
      assert(![...other.read('data').values()].includes(`${round} dropped`), 'it was stored again')
    }
  },
}

const snapshotCuts: ScriptedScenario = {
  id: 'power-cut-after-producer-snapshot',
  title:
    'what only a snapshot of the producers still tells survives a power cut: nothing is stored again (traps 43, 45)',
  shape: { controllers: 1 },
  script(cluster) {
    const { world } = cluster
    const [client, other] = [new ScriptedClient(cluster), new ScriptedClient(cluster, 'other')]
    const [broker] = cluster.brokers
    client.createTopic('data', 1, 1, SEGMENT)
    client.produce('data', ['first'])
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = sendUnanswered(cluster, client, [`${round} dropped`])
      const end = other.end('data')
      other.produce('data', fillers(`${round}`))
      other.produce('data', [`${round} last`])
      other.deleteBefore('data', end)
      broker!.powerCut('none')
      broker!.start()
      requireServing(cluster)
      world.network.heal(broker!.plan.name, 'client')
      const [offset] = answers()
      assert(offset === end - 1, `stored at ${end - 1}, answered with ${offset}`)
      assert(![...other.read('data').values()].includes(`${round} dropped`), 'it was stored again')
    }
  },
}

/** The last sequence number, int32. */
const SEQUENCE_MAX = 2 ** 31 - 1

const wrapped: ScriptedScenario = {
  id: 'sequence-wraps',
  title:
    'behind sequence 2^31 − 1 comes 0: between two batches, inside of one, and when one is sent again (trap 44)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2)
    const producer = new RawProducer(cluster, 'raw')
    const kept = new Map<number, string>()
    for (const [at, producerId] of [4_000_000, 4_000_001].entries()) {
      const append = (baseSequence: number, values: readonly string[]): void => {
        const batch = { values, producerId, producerEpoch: 0, baseSequence }
        const offset = producer.append('data', batch)
        const again = producer.append('data', batch)
        assert(again === offset, `stored at ${offset}, and when it is sent again, at ${again}`)
        values.forEach((value, i) => kept.set(offset + i, value))
      }
      append(0, [`${at} first`])
      // Nobody waits for two thousand million records.
      for (const broker of cluster.brokers) restartWithSequence(cluster, broker, producerId, SEQUENCE_MAX - 2)
      if (at === 0) {
        append(SEQUENCE_MAX - 1, ['0 last but one', '0 last'])
        append(0, ['0 begins again', '0 goes on'])
      } else append(SEQUENCE_MAX - 1, ['1 last but one', '1 last', '1 begins again', '1 goes on'])
      append(2, [`${at} follows`])
      leaderOf(cluster)!.kill()
      for (const broker of cluster.brokers) broker.start()
      requireAllInSync(cluster)
      append(3, [`${at} follows at the next leader`])
    }
    requireRead(client, kept)
  },
}

/** Stops it, and has what it remembers of a producer with one batch, its latest, say that it ended at `sequence`. */
function restartWithSequence(
  cluster: SimCluster,
  broker: ClusterNode,
  producerId: number,
  sequence: number,
): void {
  requireAllInSync(cluster)
  broker.stop(() => {})
  cluster.world.runUntil(() => !broker.isUp, CHANGE_MS, 'the end')
  const { disk } = broker.machine
  const path = disk.files().findLast((file) => /data-0\/\d+\.snapshot$/.test(file))!
  disk.replaceAtRest(path, (bytes) => {
    const changed = Buffer.from(bytes)
    const entries = Array.from(
      { length: changed.readInt32BE(Snapshot.count) },
      (_, i) => Snapshot.entries + i * Snapshot.entryBytes,
    )
    const entry = entries.find((at) => changed.readBigInt64BE(at) === BigInt(producerId))!
    changed.writeInt32BE(sequence, entry + Snapshot.lastSequence)
    changed.writeUInt32BE(crc32c(changed, Snapshot.count, changed.length), Snapshot.crc)
    return changed
  })
  broker.start()
  requireServing(cluster)
  requireAllInSync(cluster)
}

/** Where things are in Kafka's `.snapshot` files; in an entry: where its last sequence is. */
const Snapshot = { crc: 2, count: 6, entries: 10, entryBytes: 46, lastSequence: 10 } as const

const afterAppend: ScriptedScenario = {
  id: 'not-enough-after-append',
  title:
    'what was stored before the ISR became too small is no failure: it is acknowledged, once, when it is in sync (trap 23)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const client = new ScriptedClient(cluster)
    client.createTopic('data', 1, 2, { 'min.insync.replicas': '2' })
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round} first`])
      const leader = leaderOf(cluster)!
      const other = cluster.brokers.find((broker) => broker !== leader)!
      other.kill()
      const value = `${round} waits for the other`
      const answers = client.produceSoon('data', [value])
      world.runUntil(() => partitionOf(cluster).isr.length === 1, CHANGE_MS, 'a smaller ISR')
      world.runFor(STORED_MS)
      other.start()
      answers().forEach((offset) => kept.set(offset, value))
      requireAllInSync(cluster)
    }
    assert(kept.size === 2 * ROUNDS, `${kept.size} offsets were told for ${2 * ROUNDS} records`)
    requireRead(client, kept)
  },
}

const days: ScriptedScenario = {
  id: 'producer-of-days',
  title:
    'a producer is remembered while it is active, and begins anew when it was idle for too long (trap 44)',
  shape: { controllers: 1, producerIdExpirationMs: DAY_MS },
  script(cluster) {
    const { world } = cluster
    const [client, other] = [new ScriptedClient(cluster), new ScriptedClient(cluster, 'other')]
    const [broker] = cluster.brokers
    const { clock } = broker!.machine
    client.createTopic('data', 1, 1, SEGMENT)
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round}.0`])
      world.runFor(20 * HOUR_MS)
      keep(kept, client, [`${round}.1`])
      world.runFor(20 * HOUR_MS)
      const values = [`${round}.2`]
      const answers = sendUnanswered(cluster, client, values)
      clock.jumpWall(JUMP_MS)
      // A new segment makes the log look for producers to forget.
      keep(kept, other, fillers(`${round}.3`))
      world.network.heal(broker!.plan.name, 'client')
      answers().forEach((offset, i) => kept.set(offset, values[i]!))
      world.runFor(25 * HOUR_MS)
      keep(kept, other, fillers(`${round}.4`))
      keep(kept, client, [`${round}.5`])
    }
    requireRead(client, kept)
  },
}

const truncated: ScriptedScenario = {
  id: 'truncated-producer',
  title: 'a leader whose log was cut does not take what went with it for stored (trap 45)',
  shape: { controllers: 1, brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const [client, other] = [new ScriptedClient(cluster), new ScriptedClient(cluster, 'other')]
    client.createTopic('data', 1, 2)
    const kept = new Map<number, string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      keep(kept, client, [`${round}.0`])
      const former = leaderOf(cluster)!
      const next = cluster.brokers.find((broker) => broker !== former)!
      separate(cluster, 'client', [next.plan.name])
      separate(cluster, 'other', [former.plan.name])
      cutOff(cluster, former, true)
      const values = [`${round} cut and sent again`]
      const answers = client.produceSoon('data', values)
      world.runUntil(() => leaderOf(cluster) === next, CHANGE_MS, 'the other to lead')
      keep(kept, other, [`${round}.1`])
      reconnect(cluster, former)
      requireAllInSync(cluster)
      next.kill()
      world.network.healAll()
      answers().forEach((offset, i) => kept.set(offset, values[i]!))
      next.start()
      requireAllInSync(cluster)
    }
    requireRead(client, kept)
  },
}

const ids: ScriptedScenario = {
  id: 'producer-ids-once',
  title: 'no producer gets an id that a controller without a majority gave away (barrier: producer ids)',
  shape: { brokers: 2 },
  script(cluster) {
    const { world } = cluster
    const [client, other] = [new ScriptedClient(cluster), new ScriptedClient(cluster, 'other')]
    client.createTopic('data', 1, 2)
    const [near, far] = cluster.brokers
    const active = requireActive(cluster, CHANGE_MS)
    const voters = cluster.controllers.filter((node) => node !== active).map(({ plan }) => plan.name)
    separate(cluster, active.plan.name, [...voters, far!.plan.name])
    separate(cluster, 'client', [far!.plan.name])
    const answers = client.produceSoon('data', ['of the one'])
    const isReplaced = (): boolean =>
      cluster.controllers.some((node) => node !== active && node.quorum?.isActive === true)
    world.runUntil(isReplaced, CHANGE_MS, 'another controller')
    const kept = new Map<number, string>()
    world.network.healAll()
    answers().forEach((offset) => kept.set(offset, 'of the one'))
    keep(kept, other, ['of the other'])
    assert(kept.size === 2, 'two records have one offset')
    requireRead(client, kept)
    assert(near !== far && attempt(() => client.end('data')) === 2, 'another number of records was stored')
  },
}

/** A new segment begins with one of them. */
function fillers(label: string): string[] {
  return Array.from({ length: 3 }, (_, i) => `${label}.${i} ${THIRD_OF_SEGMENT}`)
}

/**
 * Stored by the only broker, whose answer is lost; it can't be asked again until the link is healed.
 * @returns waits for it
 */
function sendUnanswered(
  cluster: SimCluster,
  client: ScriptedClient,
  values: readonly string[],
): () => readonly number[] {
  const { world, brokers } = cluster
  const broker = brokers[0]!.plan.name
  world.network.cut(broker, 'client')
  const answers = client.produceSoon('data', values)
  world.runFor(STORED_MS)
  world.network.reset(broker, 'client')
  return answers
}

export const producerScenarios: readonly ScriptedScenario[] = [
  answersLost,
  droppedSince,
  snapshotCuts,
  wrapped,
  afterAppend,
  days,
  truncated,
  ids,
]
