/**
 * How long the cluster's metadata stands still when the active controller is killed with SIGKILL: from the kill to the next
 * acknowledged CreateTopics, asked at once and retried by the same client, on Millrace (3 controllers + 3 brokers as
 * processes) and on Apache Kafka (3 combined nodes).
 *
 *   node test/bench/controller-failover.ts [--kills 50] [--systems millrace,kafka] [--kafka-kills 5] [--trace-ms 400]
 *
 * `--trace-ms` prints what all nodes logged in rounds that took longer.
 */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, type ClientOptions } from '@millrace/client'
import { Cluster, type ClusterNode } from '../rig/cluster.ts'
import { installedMain } from '../rig/installed-main.ts'
import { root } from '../rig/broker-process.ts'
import { scriptArguments } from '../rig/script-arguments.ts'

const run = promisify(execFile)
const KAFKA_PORT = 19792

/** A running cluster whose active controller can be killed. */
interface Target extends AsyncDisposable {
  readonly name: string
  readonly client: ClientOptions
  /** Kills the process with this node id. */
  kill(id: number): Promise<void>
  /** What all nodes logged since then, in order. */
  story?(sinceWallMs: number): string[]
  /** Starts it again; resolves when it takes part. */
  revive(id: number, admin: Admin): Promise<void>
}

const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    kills: { type: 'string', default: '50' },
    'kafka-kills': { type: 'string', default: '5' },
    systems: { type: 'string', default: 'millrace,kafka' },
    'trace-ms': { type: 'string', default: 'Infinity' },
  },
})

const traceMs = Number(flags['trace-ms'])
const isTracing = Number.isFinite(traceMs)

async function millrace(): Promise<Target> {
  const cluster = await Cluster.start({ main: installedMain() })
  return {
    name: 'Millrace, 3 controllers + 3 brokers',
    client: { bootstrap: cluster.bootstrap },
    kill: (id) => cluster.node(id).kill(),
    async revive(id, admin) {
      await cluster.node(id).spawn()
      await caughtUp(id, admin)
    },
    story: (sinceMs) =>
      cluster.nodes
        .flatMap((node) => storyOf(node, sinceMs))
        .sort(byTime)
        .map(({ line }) => line),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

interface LogLine {
  readonly timeMs: number
  readonly line: string
}

function storyOf({ id, output }: ClusterNode, sinceMs: number): LogLine[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    const { time, msg, ...fields } = JSON.parse(line) as { time: number; msg: string }
    if (time < sinceMs) return []
    const text = JSON.stringify(fields)
    return [{ timeMs: time, line: `${String(time - sinceMs).padStart(6)} ms  node ${id}: ${msg} ${text}` }]
  })
}

function byTime(a: LogLine, b: LogLine): number {
  return a.timeMs - b.timeMs
}

async function kafka(): Promise<Target> {
  const data = join(root, '.cache/kafka-failover')
  const env = { ...process.env, KAFKA_PORT: String(KAFKA_PORT), KAFKA_DATA: data }
  const script = join(root, 'scripts/kafka')
  const { stdout } = await run(script, ['up', '--nodes', '3'], { env })
  return {
    name: 'Apache Kafka 4.2.0, 3 combined nodes',
    client: { bootstrap: stdout.trim(), wire: 'kafka' },
    async kill(id) {
      process.kill(Number(readFileSync(join(data, `node${id}/pid`), 'utf8')), 'SIGKILL')
    },
    async revive(id, admin) {
      await run(script, ['start-node', String(id)], { env })
      await caughtUp(id, admin)
    },
    async [Symbol.asyncDispose]() {
      await run(script, ['down'], { env })
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** Waits until the voter has fetched all there is. */
async function caughtUp(id: number, admin: Admin): Promise<void> {
  for (;;) {
    const { voters, highWatermark } = await admin.describeQuorum()
    const voter = voters.find((one) => one.id === id)
    if (voter !== undefined && voter.logEndOffset >= highWatermark) return
    await delay(50)
  }
}

async function measure(target: Target, kills: number): Promise<number[]> {
  await using admin = new Admin({ ...target.client, retryBackoffMs: 10, retryBackoffMaxMs: 50 })
  const pausesMs: number[] = []
  for (let kill = 0; kill < kills; kill++) {
    await admin.createTopics([{ name: `before-${kill}`, partitions: 1, replicationFactor: 1 }])
    const { leaderId } = await admin.describeQuorum()
    await target.kill(leaderId)
    const killedMs = performance.now()
    const killedWallMs = Date.now()
    await admin.createTopics([{ name: `after-${kill}`, partitions: 1, replicationFactor: 1 }])
    const pauseMs = performance.now() - killedMs
    pausesMs.push(pauseMs)
    if (isTracing) console.log(`kill ${kill} of node ${leaderId}: ${pauseMs.toFixed(0)} ms`)
    if (pauseMs >= traceMs) for (const line of target.story?.(killedWallMs) ?? []) console.log(line)
    await target.revive(leaderId, admin)
  }
  return pausesMs.sort((a, b) => a - b)
}

/** Nearest rank. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

async function main(): Promise<void> {
  const systems = new Map<string, { start: () => Promise<Target>; kills: number }>([
    ['millrace', { start: millrace, kills: Number(flags.kills) }],
    ['kafka', { start: kafka, kills: Number(flags['kafka-kills']) }],
  ])
  for (const name of flags.systems.split(',')) {
    const system = systems.get(name)
    if (system === undefined)
      throw new Error(`no system '${name}'; there are: ${[...systems.keys()].join(', ')}`)
    await using target = await system.start()
    const pauses = await measure(target, system.kills)
    const [p50, p99, max] = [percentile(pauses, 50), percentile(pauses, 99), pauses.at(-1)!]
    console.log(
      `${target.name}: ${pauses.length} kills of the active controller, next metadata change after ` +
        `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms`,
    )
  }
}

await main()
