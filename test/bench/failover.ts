/**
 * How long writes to a partition stand still when its leader goes: from the signal to the next acknowledged record
 * (acks=all, RF 3, min.insync.replicas 2), on Millrace (3 controllers + 3 brokers as processes, every record on the disks of
 * all in-sync replicas) and on Apache Kafka (3 combined nodes). Every acknowledged record is read back in the end.
 *
 *   node --conditions=source test/bench/failover.ts [--rounds 50] [--signal SIGKILL|SIGSTOP|SIGTERM] [--rolling]
 *     [--client native|librdkafka] [--systems millrace,kafka] [--kafka-rounds 3]
 *
 * --rolling: instead, in each round all brokers are stopped (SIGTERM) and started one after another under a steady load of
 * 200 records/s: errors that reached the application, and for how long nothing was acknowledged.
 */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Admin, type ClientOptions } from '@millrace/client'
import { Consumer } from '@millrace/consumer-client'
import { root } from '../rig/broker-process.ts'
import { Cluster } from '../rig/cluster.ts'
import { installedMain } from '../rig/installed-main.ts'
import { scriptArguments } from '../rig/script-arguments.ts'
import { LibrdkafkaSender, NativeSender, type SteadySender } from './steady-sender.ts'

const run = promisify(execFile)
const KAFKA_PORT = 19992
const TOPIC = 'failover'
/** A paused leader must have lost its session by then. */
const PAUSE_MS = { millrace: 5000, kafka: 15_000 }

const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '50' },
    'kafka-rounds': { type: 'string', default: '3' },
    signal: { type: 'string', default: 'SIGKILL' },
    rolling: { type: 'boolean', default: false },
    client: { type: 'string', default: 'native' },
    systems: { type: 'string', default: 'millrace,kafka' },
  },
})
const signal = flags.signal as NodeJS.Signals

interface Target extends AsyncDisposable {
  readonly name: string
  readonly client: ClientOptions
  readonly pauseMs: number
  pidOf(id: number): number
  /** Resolves when the process is gone. */
  stop(id: number): Promise<void>
  /** Starts a node that is down. */
  revive(id: number): Promise<void>
}

async function millrace(): Promise<Target> {
  const cluster = await Cluster.start({ main: installedMain() })
  return {
    name: 'Millrace, 3 controllers + 3 brokers',
    client: { bootstrap: cluster.bootstrap },
    pauseMs: PAUSE_MS.millrace,
    pidOf: (id) => cluster.node(id).pid,
    stop: async (id) => void (await cluster.node(id).stop()),
    revive: (id) => cluster.node(id).spawn(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

async function kafka(): Promise<Target> {
  const data = join(root, '.cache/kafka-failover')
  const env = { ...process.env, KAFKA_PORT: String(KAFKA_PORT), KAFKA_DATA: data }
  const script = join(root, 'scripts/kafka')
  const { stdout } = await run(script, ['up', '--nodes', '3'], { env })
  const pidOf = (id: number): number => Number(readFileSync(join(data, `node${id}/pid`), 'utf8'))
  return {
    name: 'Apache Kafka 4.2.0, 3 combined nodes',
    client: { bootstrap: stdout.trim(), wire: 'kafka' },
    pauseMs: PAUSE_MS.kafka,
    pidOf,
    async stop(id) {
      const pid = pidOf(id)
      process.kill(pid, 'SIGTERM')
      while (isAlive(pid)) await delay(20)
    },
    async revive(id) {
      await run(script, ['start-node', String(id)], { env })
    },
    async [Symbol.asyncDispose]() {
      await run(script, ['down'], { env })
      rmSync(data, { recursive: true, force: true })
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // there is no such process any more, which is the answer
    return false
  }
}

/** What all brokers say, for one that was paused still tells of the time before. */
async function allInSync(admins: readonly Admin[]): Promise<{ leader: number; replicas: readonly number[] }> {
  for (;;) {
    const answers = await Promise.all(admins.map((admin) => partitionOf(admin)))
    const [{ leader, leaderEpoch, replicas }] = answers as [Partition]
    const isAgreed = answers.every((answer) => answer.leaderEpoch === leaderEpoch)
    const isInSync = answers.every(({ isr }) => isr.length === replicas.length)
    if (leader >= 0 && isAgreed && isInSync) return { leader, replicas }
    await delay(20)
  }
}

type Partition = Awaited<ReturnType<typeof partitionOf>>

async function partitionOf(admin: Admin) {
  const [topic] = await admin.describeTopics([TOPIC])
  return topic!.partitions[0]!
}

/** @returns for each round, how long after the signal a record that was sent after it was acknowledged */
async function signalLeaders(
  target: Target,
  admins: readonly Admin[],
  sender: SteadySender,
  rounds: number,
): Promise<number[]> {
  const pausesMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { leader } = await allInSync(admins)
    await sender.nextAcknowledged()
    process.kill(target.pidOf(leader), signal)
    const signalledMs = performance.now()
    await sender.nextAcknowledged()
    pausesMs.push(performance.now() - signalledMs)
    if (signal === 'SIGSTOP') {
      await delay(Math.max(0, signalledMs + target.pauseMs - performance.now()))
      process.kill(target.pidOf(leader), 'SIGCONT')
    } else {
      await target.stop(leader)
      await target.revive(leader)
    }
  }
  return pausesMs
}

/** @returns for each restart of a broker, the longest time without an acknowledgement */
async function restartInTurn(
  target: Target,
  admins: readonly Admin[],
  sender: SteadySender,
  rounds: number,
): Promise<number[]> {
  const stallsMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { replicas } = await allInSync(admins)
    for (const id of replicas) {
      sender.takeLongestSilenceMs()
      await target.stop(id)
      await target.revive(id)
      await sender.nextAcknowledged()
      await allInSync(admins)
      stallsMs.push(sender.takeLongestSilenceMs())
    }
  }
  return stallsMs
}

async function measure(target: Target, rounds: number): Promise<void> {
  await using clients = new AsyncDisposableStack()
  const admins = String(target.client.bootstrap)
    .split(',')
    .map((bootstrap) =>
      clients.use(new Admin({ ...target.client, bootstrap, retryBackoffMs: 10, retryBackoffMaxMs: 50 })),
    )
  const configs = { 'min.insync.replicas': '2' }
  await admins[0]!.createTopics([{ name: TOPIC, partitions: 1, replicationFactor: 3, configs }])
  await allInSync(admins)
  const sender = newSender(target)
  const pauses = flags.rolling
    ? await restartInTurn(target, admins, sender, rounds)
    : await signalLeaders(target, admins, sender, rounds)
  await sender.stop()
  await allInSync(admins)
  report(target, pauses)
  const lost = await countLost(target, sender.acknowledged)
  const { twice } = lost
  console.log(
    `${target.name}: ${sender.acknowledged.size} records acknowledged, ${sender.errors.length} errors reached the ` +
      `application, ${lost.values.length} lost, ${twice} stored more than once`,
  )
  if (sender.errors.length > 0) console.log(`  ${[...new Set(sender.errors)].slice(0, 5).join('\n  ')}`)
  if (lost.values.length > 0) {
    console.log(`  lost: ${lost.values.slice(0, 20).join(', ')}`)
    process.exitCode = 1
  }
}

function newSender({ client }: Target): SteadySender {
  if (flags.client === 'librdkafka') return new LibrdkafkaSender(String(client.bootstrap), TOPIC)
  return new NativeSender(client, TOPIC)
}

function report({ name }: Target, pausesMs: readonly number[]): void {
  const sorted = [...pausesMs].sort((a, b) => a - b)
  const [p50, p99, max] = [percentile(sorted, 50), percentile(sorted, 99), sorted.at(-1) ?? Number.NaN]
  const what = flags.rolling
    ? `${sorted.length} brokers restarted in turn, nothing acknowledged for`
    : `${sorted.length} × ${signal} to the leader, next acknowledged record after`
  console.log(
    `${name}, ${flags.client} client: ${what} p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms`,
  )
}

async function countLost(
  { client }: Target,
  acknowledged: ReadonlySet<string>,
): Promise<{ values: string[]; twice: number }> {
  const seen = new Map<string, number>()
  await using consumer = new Consumer(client)
  for await (const { value } of consumer.read(TOPIC, { from: 'beginning', until: 'end' })) {
    const text = value!.toString()
    seen.set(text, (seen.get(text) ?? 0) + 1)
  }
  const values = [...acknowledged].filter((value) => !seen.has(value))
  return { values, twice: [...seen.values()].filter((count) => count > 1).length }
}

/** Nearest rank. */
function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

async function main(): Promise<void> {
  if (!['native', 'librdkafka'].includes(flags.client))
    throw new Error(`no client '${flags.client}'; there are: native, librdkafka`)
  const systems = new Map<string, { start: () => Promise<Target>; rounds: number }>([
    ['millrace', { start: millrace, rounds: Number(flags.rounds) }],
    ['kafka', { start: kafka, rounds: Number(flags['kafka-rounds']) }],
  ])
  for (const name of flags.systems.split(',')) {
    const system = systems.get(name)
    if (system === undefined)
      throw new Error(`no system '${name}'; there are: ${[...systems.keys()].join(', ')}`)
    await using target = await system.start()
    await measure(target, system.rounds)
  }
}

await main()
