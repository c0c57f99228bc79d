/**
 * Metadata at scale, 3 controllers + 3 brokers as processes on this machine: how long 1,000 topics of 3 partitions take to
 * be created, how long a restart of all nodes takes until every broker serves them, and what the idle cluster costs.
 *
 *   node test/bench/metadata-scale.ts [--topics 1000] [--partitions 3] [--idle-seconds 20] [--batch 100]
 */
import { parseArgs } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@millrace/client'
import { Cluster, type ClusterNode } from '../rig/cluster.ts'
import { requireLinux, usageOf, used } from '../rig/system.ts'

const { values: flags } = parseArgs({
  options: {
    topics: { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '3' },
    batch: { type: 'string', default: '100' },
    'idle-seconds': { type: 'string', default: '20' },
  },
})
const topics = Number(flags.topics)
const partitions = Number(flags.partitions)
const batch = Number(flags.batch)

async function create(admin: Admin): Promise<number> {
  const startedMs = performance.now()
  for (let first = 0; first < topics; first += batch) {
    const names = Array.from({ length: Math.min(batch, topics - first) }, (_, i) => `scale-${first + i}`)
    await admin.createTopics(names.map((name) => ({ name, partitions, replicationFactor: 1 })))
  }
  return performance.now() - startedMs
}

/** From here on every broker tells every topic, each partition with a leader. */
async function served(brokers: readonly ClusterNode[]): Promise<void> {
  for (const broker of brokers) {
    await broker.listening()
    await using admin = new Admin({ bootstrap: `127.0.0.1:${broker.publicPort}` })
    while (!(await isComplete(admin))) await delay(10)
  }
}

async function isComplete(admin: Admin): Promise<boolean> {
  const names = (await admin.listTopics()).map(({ name }) => name)
  if (names.length < topics) return false
  const described = await admin.describeTopics(names)
  return described.every((topic) => topic.partitions.every(({ leader }) => leader >= 0))
}

async function idle(cluster: Cluster, seconds: number): Promise<void> {
  await delay(5000)
  const before = new Map(cluster.nodes.map((node) => [node, usageOf(node.pid)]))
  await delay(seconds * 1000)
  let percentSum = 0
  for (const [node, start] of before) {
    const now = usageOf(node.pid)
    const { userSeconds, systemSeconds } = used(start, now)
    const percent = ((userSeconds + systemSeconds) / seconds) * 100
    percentSum += percent
    console.log(
      `  ${node.role} ${node.id}: CPU ${percent.toFixed(2)} % of a core, RSS ${now.rssMb.toFixed(0)} MB`,
    )
  }
  console.log(`idle, all nodes: CPU ${percentSum.toFixed(2)} % of a core`)
}

async function main(): Promise<void> {
  requireLinux()
  await using cluster = await Cluster.start()
  console.log('empty cluster:')
  await idle(cluster, Number(flags['idle-seconds']))
  await using admin = cluster.admin()
  await admin.connect()
  const createMs = await create(admin)
  await served(cluster.brokers)
  console.log(
    `${topics} topics × ${partitions} partitions, RF 1, created in ${createMs.toFixed(0)} ms, ${batch} a request`,
  )
  console.log('with them:')
  await idle(cluster, Number(flags['idle-seconds']))
  await Promise.all(cluster.nodes.map((node) => node.stop()))
  const restartedMs = performance.now()
  await Promise.all(cluster.nodes.map((node) => node.spawn()))
  await served(cluster.brokers)
  console.log(
    `all nodes restarted: all metadata served by all brokers after ${(performance.now() - restartedMs).toFixed(0)} ms`,
  )
}

await main()
