/**
 * Metadata at scale, 3 controllers + 3 brokers as processes on this machine: how long 1,000 topics of 3 partitions take to
 * be created, led and in sync, how long a restart of all nodes takes until every broker serves them, until all have leaders
 * and until all are in sync, and what the idle cluster costs. Beside each time stands the CPU time that the nodes took for
 * it: divided by the processors it is what the time can't fall below, however loaded the machine is.
 *
 *   node test/bench/metadata-scale.ts [--topics 1000] [--partitions 3] [--replication-factor 1] [--idle-seconds 10]
 *     [--settle-seconds 5] [--batch 100] [--set key=value …]
 *
 * A cluster is idle from `--settle-seconds` after its last change on. In the first minute V8 still compiles and collects, which
 * 5 s show and 60 s leave out.
 */
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, type TopicDescription } from '@millrace/client'
import { Cluster, type ClusterNode } from '../rig/cluster.ts'
import { installedMain } from '../rig/installed-main.ts'
import { requireLinux, usageOf, type Usage, used } from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'

const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    topics: { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '3' },
    'replication-factor': { type: 'string', default: '1' },
    batch: { type: 'string', default: '100' },
    'idle-seconds': { type: 'string', default: '10' },
    'settle-seconds': { type: 'string', default: '5' },
    set: { type: 'string', multiple: true, default: [] },
  },
})
const topics = Number(flags.topics)
const partitions = Number(flags.partitions)
const replicationFactor = Number(flags['replication-factor'])
const batch = Number(flags.batch)
const idleSeconds = Number(flags['idle-seconds'])
const settleSeconds = Number(flags['settle-seconds'])

const POLL_MS = 25
const PATIENCE_MS = 120_000

/** How far a broker's metadata has come, in the order in which it comes. */
const stages = {
  served: () => true,
  led: ({ partitions: all }: TopicDescription) => all.every(({ leader }) => leader >= 0),
  'in sync': ({ partitions: all }: TopicDescription) =>
    all.every(({ leader, isr }) => leader >= 0 && isr.length === replicationFactor),
} as const
type Stage = keyof typeof stages

const names = Array.from({ length: topics }, (_, i) => `scale-${i}`)

async function create(admin: Admin): Promise<void> {
  for (let first = 0; first < topics; first += batch) {
    const part = names.slice(first, first + batch)
    await admin.createTopics(
      part.map((name) => ({ name, partitions, replicationFactor })),
      { timeoutMs: PATIENCE_MS },
    )
  }
}

/**
 * Resolves when all brokers' metadata has come to each stage. One broker is asked at a time, so that asking costs the
 * cluster little of what is measured. @returns when, in ms of `performance.now()`
 */
async function watch(brokers: readonly ClusterNode[]): Promise<ReadonlyMap<Stage, number>> {
  const times = new Map<Stage, number>()
  for (const [stage, isThere] of Object.entries(stages)) {
    for (const broker of brokers) await until(broker, isThere)
    times.set(stage as Stage, performance.now())
  }
  return times
}

async function until(broker: ClusterNode, isThere: (topic: TopicDescription) => boolean): Promise<void> {
  await broker.listening(PATIENCE_MS)
  await using admin = new Admin({ bootstrap: `127.0.0.1:${broker.publicPort}` })
  while ((await admin.listTopics()).length < topics) await delay(POLL_MS)
  while (!(await admin.describeTopics(names)).every(isThere)) await delay(POLL_MS)
}

/** CPU time and memory of every process, from one moment on. */
class Costs {
  readonly #nodes: readonly ClusterNode[]
  readonly #before: ReadonlyMap<ClusterNode, Usage>

  constructor(nodes: readonly ClusterNode[]) {
    this.#nodes = nodes
    this.#before = new Map(nodes.filter(({ alive }) => alive).map((node) => [node, usageOf(node.pid)]))
  }

  cpuSeconds(node: ClusterNode): number {
    const { userSeconds, systemSeconds } = used(this.#before.get(node) ?? NOTHING, usageOf(node.pid))
    return userSeconds + systemSeconds
  }

  get text(): string {
    const each = this.#nodes.map((node) => ({ node, seconds: this.cpuSeconds(node) }))
    const total = each.reduce((sum, { seconds }) => sum + seconds, 0)
    const processors = availableParallelism()
    const parts = each.map(({ node, seconds }) => `${node.id}: ${seconds.toFixed(2)}`).join(', ')
    const floor = ((total / processors) * 1000).toFixed(0)
    return `CPU ${total.toFixed(2)} s (${parts}): at least ${floor} ms on ${processors} processors`
  }
}

/** A restarted process begins at nothing. */
const NOTHING: Usage = { userSeconds: 0, systemSeconds: 0, rssMb: 0, peakMb: 0 }

async function idle(cluster: Cluster): Promise<void> {
  await delay(settleSeconds * 1000)
  const costs = new Costs(cluster.nodes)
  await delay(idleSeconds * 1000)
  let percentSum = 0
  for (const node of cluster.nodes) {
    const percent = (costs.cpuSeconds(node) / idleSeconds) * 100
    percentSum += percent
    const { rssMb, peakMb } = usageOf(node.pid)
    const memory = `RSS ${rssMb.toFixed(0)} MB, at most ${peakMb.toFixed(0)} MB`
    console.log(`  ${node.role} ${node.id}: CPU ${percent.toFixed(2)} % of a core, ${memory}`)
  }
  console.log(
    `  all nodes idle: CPU ${percentSum.toFixed(2)} % of a core, ${settleSeconds} to ${settleSeconds + idleSeconds} s after the last change`,
  )
}

function report(what: string, sinceMs: number, times: ReadonlyMap<Stage, number>, costs: Costs): void {
  for (const [stage, atMs] of times) console.log(`${what}, ${stage}: ${(atMs - sinceMs).toFixed(0)} ms`)
  console.log(`  ${costs.text}`)
}

async function main(): Promise<void> {
  requireLinux()
  const settings = Object.fromEntries(flags.set.map((pair) => pair.split('=', 2) as [string, string]))
  await using cluster = await Cluster.start({ main: installedMain(), settings })
  console.log('empty cluster:')
  await idle(cluster)

  const what = `${topics} topics × ${partitions} partitions, RF ${replicationFactor}, ${batch} a request`
  {
    await using admin = cluster.admin()
    await admin.connect()
    const costs = new Costs(cluster.nodes)
    const startedMs = performance.now()
    await create(admin)
    console.log(`${what}, created: ${(performance.now() - startedMs).toFixed(0)} ms`)
    report(what, startedMs, await watch(cluster.brokers), costs)
  }
  console.log('with them:')
  await idle(cluster)

  const stoppedMs = performance.now()
  await Promise.all(cluster.nodes.map((node) => node.stop()))
  console.log(`all nodes stopped: ${(performance.now() - stoppedMs).toFixed(0)} ms`)
  const costs = new Costs(cluster.nodes)
  const restartedMs = performance.now()
  await Promise.all(cluster.nodes.map((node) => node.spawn()))
  report('all nodes restarted', restartedMs, await watch(cluster.brokers), costs)
  console.log('after the restart:')
  await idle(cluster)
}

await main()
