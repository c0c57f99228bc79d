/** What is looked at once, when a run has come to rest: whole logs, whole images, all records. */
import { NO_NODE } from '@millrace/base'
import { MillraceError } from '@millrace/client'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import { MetadataFiles } from '../invariant/metadata-files.ts'
import { DATA_FOLDER } from '../cluster/node-plan.ts'
import { producerDivergence } from '../invariant/producer-files.ts'
import { replicaDivergence } from '../invariant/replica-files.ts'
import type { History, Stored } from '../workload/history.ts'
import { leastInSync, replicationFactorOf } from '../workload/operation.ts'
import type { SimClient } from '../workload/sim-client.ts'

const READ_MS = 120_000
const STOP_MS = 150_000

type Place = Pick<Stored, 'topic' | 'partition'>

/** @throws Violation */
export function checkEnd(cluster: SimCluster, history: History, client: SimClient): void {
  checkLogs(cluster)
  checkImages(cluster)
  checkRecords(cluster, history, client)
}

/**
 * In-sync replicas of one partition have the same batches wherever they have any. One that is on its way back may still have
 * an end that was never committed: where a replica may have lost something, rest does not wait for the others.
 * @throws Violation
 */
export function checkReplicas(
  { nodes, active, checks }: SimCluster,
  isKept: (topic: string, partition: number) => boolean,
): void {
  for (const { name, partitions } of active?.quorum?.image.topics.values() ?? []) {
    for (const [index, { leader, isr }] of partitions.entries()) {
      if (leader === NO_NODE || !isKept(name, index)) continue
      const live = nodes.filter(
        ({ id, running }) => isr.some((replica) => replica === id) && running !== null,
      )
      // A bit that has flipped where nobody has read since is still there.
      const sound = live.filter(({ machine: { disk } }) => !disk.hasFlippedBits)
      const files = sound.map(({ id: node, machine: { disk } }) => ({ node, disk }))
      const divergence = replicaDivergence(`${name}-${index}`, files)
      if (divergence !== null) checks.violate('replicas-agree', divergence)
    }
  }
}

/**
 * Stops all brokers that are well, so that they write down what they know of producers.
 * @param mayForget see `producerDivergence`. @throws Violation
 */
export function checkProducers({ world, brokers, checks }: SimCluster, mayForget: boolean): void {
  const stopped = brokers.filter(({ running, isDiskTouched }) => running !== null && !isDiskTouched)
  for (const node of stopped) node.stop(() => {})
  world.runUntil(() => stopped.every(({ isUp }) => !isUp), STOP_MS, 'the end of all brokers')
  for (const { id, machine } of stopped) {
    const divergence = producerDivergence(machine.disk, DATA_FOLDER, mayForget)
    if (divergence !== null) checks.violate('producers-replayed', `node ${id}: ${divergence}`)
  }
  if (world.scheduler.violation !== null) throw world.scheduler.violation
}

/** As a recovery would read them from the disks. */
function checkLogs({ nodes, checks }: SimCluster): void {
  for (const { id, files, machine, running, isDiskTouched } of nodes) {
    // What a bit that was flipped has made unreadable stays so until somebody reads it.
    const isUp = running !== null && !isDiskTouched
    const found = new MetadataFiles(id, files.folder, checks.quorum)
    found.rebuild(machine.disk)
    checks.quorum.checkLog(found, isUp)
    const end = files.batches.at(-1)?.lastOffset
    if (isUp && found.batches.at(-1)?.lastOffset !== end) {
      checks.violate(
        'log-on-disk',
        `node ${id} wrote up to ${end}, its disk has ${found.batches.at(-1)?.lastOffset}`,
      )
    }
  }
}

function checkImages({ nodes, checks }: SimCluster): void {
  for (const { id, quorum, running } of nodes) {
    if (quorum === null || running === null) continue
    const { image } = quorum.current()
    checks.image.checkDigest(id, image)
    for (const { topicId, name, partitions, removedMs } of checks.facts.topics) {
      const topic = image.topics.byId(topicId as Parameters<typeof image.topics.byId>[0])
      const isThere = topic?.name === name && topic.partitions.length >= partitions
      if (isThere !== (removedMs === null)) {
        checks.violate(
          'acknowledged-change',
          `node ${id}: topic ${name} (${topicId}) is ${isThere ? '' : 'not '}there`,
        )
      }
    }
  }
}

function checkRecords(cluster: SimCluster, history: History, client: SimClient): void {
  const { world, checks } = cluster
  const image = cluster.active?.quorum?.image
  if (image === undefined) return
  // A broker whose disk has failed says so, and serves the rest of its partitions. What is committed is not known while
  // fewer are in sync than must be.
  const isReadable = ({ topic, partition }: Place): boolean => {
    const found = image.partition(topic, partition)
    if (found === undefined || found.leader === NO_NODE) return false
    return (
      !cluster.node(found.leader).isDiskTouched && found.isr.length >= leastInSync(replicationFactorOf(found))
    )
  }
  const names = history.acknowledged.filter(isReadable).map(({ topic, partition }) => `${topic}/${partition}`)
  const partitions = [...new Set(names)].map((name) => {
    const [topic, partition] = name.split('/')
    return { topic: topic!, partition: Number(partition) }
  })
  try {
    const read = world.perform(client.machine, () => client.readAll(partitions), READ_MS)
    history.checkAcknowledged(read, isReadable)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    // Its disk is well, nothing stands in the way any more, and still it does not answer.
    checks.violate('readable', String(error))
  }
  if (world.scheduler.violation !== null) throw world.scheduler.violation
}
