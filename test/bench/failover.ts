/**
 * How long writes to a partition stand still when its leader goes: from the signal to the next acknowledged record
 * (acks=all, RF 3, min.insync.replicas 2), on Millrace (3 controllers + 3 brokers as processes, every record on the disks of
 * all in-sync replicas) and on Apache Kafka (3 combined nodes). Every acknowledged record is read back in the end.
 *
 *   node test/bench/failover.ts [--rounds 50] [--signal SIGKILL|SIGSTOP] [--systems millrace,kafka] [--kafka-rounds 3]
 */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, type ClientOptions } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import { Producer } from '@millrace/producer-client'
import { root } from '../rig/broker-process.ts'
import { Cluster } from '../rig/cluster.ts'

const run = promisify(execFile)
const KAFKA_PORT = 19992
const TOPIC = 'failover'
/** A paused leader must have lost its session by then. */
const PAUSE_MS = 5000

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    'kafka-rounds': { type: 'string', default: '3' },
    signal: { type: 'string', default: 'SIGKILL' },
    systems: { type: 'string', default: 'millrace,kafka' },
  },
})

interface Target extends AsyncDisposable {
  readonly name: string
  readonly client: ClientOptions
  pidOf(id: number): number
  /** Starts a node that was killed. */
  revive(id: number): Promise<void>
}

async function millrace(): Promise<Target> {
  const cluster = await Cluster.start()
  return {
    name: 'Millrace, 3 controllers + 3 brokers',
    client: { bootstrap: cluster.bootstrap },
    pidOf: (id) => cluster.node(id).pid,
    revive: (id) => cluster.node(id).spawn(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

async function kafka(): Promise<Target> {
  const data = join(root, '.cache/kafka-failover')
  const env = { ...process.env, KAFKA_PORT: String(KAFKA_PORT), KAFKA_DATA: data }
  const script = join(root, 'scripts/kafka')
  const { stdout } = await run(script, ['up', '--nodes', '3'], { env })
  return {
    name: 'Apache Kafka 4.2.0, 3 combined nodes',
    client: { bootstrap: stdout.trim(), wire: 'kafka' },
    pidOf: (id) => Number(readFileSync(join(data, `node${id}/pid`), 'utf8')),
    async revive(id) {
      await run(script, ['start-node', String(id)], { env })
    },
    async [Symbol.asyncDispose]() {
      await run(script, ['down'], { env })
      rmSync(data, { recursive: true, force: true })
    },
  }
}

async function allInSync(admin: Admin): Promise<number> {
  for (;;) {
    const [topic] = await admin.describeTopics([TOPIC])
    const { leader, isr, replicas } = topic!.partitions[0]!
    if (isr.length === replicas.length && leader >= 0) return leader
    await delay(20)
  }
}

async function measure(target: Target, rounds: number): Promise<number[]> {
  const fast = { ...target.client, retryBackoffMs: 10, retryBackoffMaxMs: 50 }
  await using admin = new Admin(fast)
  const configs = { 'min.insync.replicas': '2' }
  await admin.createTopics([{ name: TOPIC, partitions: 1, replicationFactor: 3, configs }])
  await using producer = new Producer({ ...fast, lingerMs: 0 })
  const pausesMs: number[] = []
  let sent = 0
  const send = async (): Promise<void> => void (await producer.send(TOPIC, { value: String(sent++) }))
  for (let round = 0; round < rounds; round++) {
    const leader = await allInSync(admin)
    await send()
    process.kill(target.pidOf(leader), flags.signal as NodeJS.Signals)
    const signalledMs = performance.now()
    await send()
    pausesMs.push(performance.now() - signalledMs)
    if (flags.signal === 'SIGSTOP') {
      await delay(Math.max(0, signalledMs + PAUSE_MS - performance.now()))
      process.kill(target.pidOf(leader), 'SIGCONT')
    } else await target.revive(leader)
  }
  await allInSync(admin)
  await checkRecords(target, sent)
  return pausesMs.sort((a, b) => a - b)
}

/** @throws Error when a record is missing; one that was sent again may be there twice, without idempotence */
async function checkRecords(target: Target, sent: number): Promise<void> {
  const seen = new Map<string, number>()
  await using consumer = new Consumer(target.client)
  for await (const { value } of consumer.read(TOPIC, { from: 'beginning', until: 'end' })) {
    const text = value!.toString()
    seen.set(text, (seen.get(text) ?? 0) + 1)
  }
  const lost = Array.from({ length: sent }, (_, value) => String(value)).filter((value) => !seen.has(value))
  if (lost.length > 0) throw new Error(`${target.name}: acknowledged records are lost: ${lost.join(', ')}`)
  const twice = [...seen.values()].filter((count) => count > 1).length
  console.log(`${target.name}: ${sent} records acknowledged, 0 lost, ${twice} stored more than once`)
}

/** Nearest rank. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

async function main(): Promise<void> {
  const systems = new Map<string, { start: () => Promise<Target>; rounds: number }>([
    ['millrace', { start: millrace, rounds: Number(flags.rounds) }],
    ['kafka', { start: kafka, rounds: Number(flags['kafka-rounds']) }],
  ])
  for (const name of flags.systems.split(',')) {
    const system = systems.get(name)
    if (system === undefined)
      throw new Error(`no system '${name}'; there are: ${[...systems.keys()].join(', ')}`)
    await using target = await system.start()
    const pauses = await measure(target, system.rounds)
    const [p50, p99, max] = [percentile(pauses, 50), percentile(pauses, 99), pauses.at(-1)!]
    console.log(
      `${target.name}: ${pauses.length} × ${flags.signal} to the leader, next acknowledged record after ` +
        `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms`,
    )
  }
}

await main()
