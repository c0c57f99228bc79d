/**
 * A replicated cluster of Millrace (3 controllers + 3 brokers) and one of Apache Kafka (3 combined nodes) under the same
 * load, interleaved in one run on this machine.
 *
 *   node test/bench/versus-kafka-cluster.ts [--rounds 3] [--systems kafka,millrace,millrace-commit] [--scale 1] [--seconds 20]
 *
 * Load: librdkafka, RF 3, min.insync.replicas 2, acks=all, linger 5 ms, 3 partitions; unpaced (test/bench/load.c), then
 * paced at 1,000 and 10,000 records/s of 1 KB with a consumer at the end (test/bench/paced.c). `kafka` and `millrace` leave
 * the flush to the system, as Kafka does; `millrace-commit` acknowledges what is on the disks of all in-sync replicas.
 * Prints medians with their range, then the ratios.
 */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Admin, type ClientOptions } from '@millrace/client'
import { root } from '../rig/broker-process.ts'
import { Cluster } from '../rig/cluster.ts'
import { installedMain } from '../rig/installed-main.ts'
import { compiled, jsonOf, requireLinux, usageOf, used, type Usage } from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'
import { Samples, short } from './samples.ts'

const run = promisify(execFile)
const PARTITIONS = 3
const KAFKA_PORT = 19892
const RATES = [1000, 10_000]

const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '3' },
    systems: { type: 'string', default: 'kafka,millrace,millrace-commit' },
    scale: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '20' },
  },
})

/** A running cluster, seen from outside. */
interface Target extends AsyncDisposable {
  readonly client: ClientOptions & { readonly bootstrap: string }
  /** Of all nodes, controllers included. */
  readonly pids: readonly number[]
}

interface LoadResult {
  readonly records: number
  readonly seconds: number
}

interface PacedResult {
  readonly p50Ms: number
  readonly p99Ms: number
}

async function millrace(flush: 'os' | 'commit'): Promise<Target> {
  const cluster = await Cluster.start({ main: installedMain(), settings: { 'log.flush.policy': flush } })
  return {
    client: { bootstrap: cluster.bootstrap },
    pids: cluster.nodes.map(({ pid }) => pid),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

async function kafka(): Promise<Target> {
  const data = join(root, '.cache/kafka-cluster')
  const env = { ...process.env, KAFKA_PORT: String(KAFKA_PORT), KAFKA_DATA: data }
  const script = join(root, 'scripts/kafka')
  const { stdout } = await run(script, ['up', '--nodes', '3'], { env })
  return {
    client: { bootstrap: stdout.trim(), wire: 'kafka' },
    pids: [1, 2, 3].map((node) => Number(readFileSync(join(data, `node${node}/pid`), 'utf8'))),
    async [Symbol.asyncDispose]() {
      await run(script, ['down'], { env })
      rmSync(data, { recursive: true, force: true })
    },
  }
}

const systems = new Map<string, () => Promise<Target>>([
  ['kafka', kafka],
  ['millrace', () => millrace('os')],
  ['millrace-commit', () => millrace('commit')],
])

async function createTopic({ client }: Target, name: string): Promise<void> {
  await using admin = new Admin(client)
  const configs = { 'min.insync.replicas': '2' }
  await admin.createTopics([{ name, partitions: PARTITIONS, replicationFactor: 3, configs }])
}

/** @returns CPU seconds of all nodes together, and the memory of the largest, since `before` */
function usedSince(before: readonly Usage[], pids: readonly number[]): { cpuSeconds: number; rssMb: number } {
  const now = pids.map(usageOf)
  const spent = now.map((usage, index) => used(before[index]!, usage))
  return {
    cpuSeconds: spent.reduce((sum, { userSeconds, systemSeconds }) => sum + userSeconds + systemSeconds, 0),
    rssMb: Math.max(...now.map(({ rssMb }) => rssMb)),
  }
}

async function warmUp(target: Target): Promise<void> {
  await createTopic(target, 'warm-up')
  const args = [target.client.bootstrap, 'warm-up', '50000', '1024', String(PARTITIONS)]
  await jsonOf<LoadResult>([compiled('load'), 'produce', ...args, 'acks', 'all'])
}

interface Measurement {
  readonly name: string
  readonly target: Target
  readonly samples: Samples
  readonly round: number
}

async function measureUnpaced({ name, target, samples, round }: Measurement, bytes: number, records: number) {
  const topic = `load-${bytes}-${round}`
  await createTopic(target, topic)
  const before = target.pids.map(usageOf)
  const args = [target.client.bootstrap, topic, String(records), String(bytes), String(PARTITIONS)]
  const result = await jsonOf<LoadResult>([compiled('load'), 'produce', ...args, 'acks', 'all'])
  const { cpuSeconds, rssMb } = usedSince(before, target.pids)
  samples.add(`produce ${bytes} B, ${name}`, {
    'records/s': result.records / result.seconds,
    'MB/s': (result.records * bytes) / 1e6 / result.seconds,
    'nodes CPU s/GB': cpuSeconds / ((records * bytes) / 1e9),
    'largest RSS MB': rssMb,
  })
}

async function measurePaced({ name, target, samples, round }: Measurement, rate: number) {
  const topic = `paced-${rate}-${round}`
  await createTopic(target, topic)
  const seconds = Number(flags.seconds)
  const before = target.pids.map(usageOf)
  const startedMs = performance.now()
  const args = [
    target.client.bootstrap,
    topic,
    String(rate * seconds),
    '1024',
    String(PARTITIONS),
    String(rate),
  ]
  const { p50Ms, p99Ms } = await jsonOf<PacedResult>([compiled('paced'), ...args])
  const elapsedSeconds = (performance.now() - startedMs) / 1000
  const { cpuSeconds } = usedSince(before, target.pids)
  samples.add(`paced ${rate}/s, ${name}`, {
    'p50 ms': p50Ms,
    'p99 ms': p99Ms,
    'nodes cores': cpuSeconds / elapsedSeconds,
  })
}

function printRatios(samples: Samples, names: readonly string[]): void {
  for (const name of names.filter((other) => other !== 'kafka')) {
    const ratio = (row: string, column: string): string =>
      short(samples.median(`${row}, ${name}`, column) / samples.median(`${row}, kafka`, column))
    console.log(`\n${name} ÷ kafka`)
    for (const bytes of [100, 1024]) {
      const row = `produce ${bytes} B`
      console.log(
        `  ${row}: records/s ${ratio(row, 'records/s')}×, CPU per GB ${ratio(row, 'nodes CPU s/GB')}×`,
      )
    }
    for (const rate of RATES) {
      const row = `paced ${rate}/s`
      console.log(`  ${row}: p99 end to end ${ratio(row, 'p99 ms')}×, CPU ${ratio(row, 'nodes cores')}×`)
    }
  }
}

async function main(): Promise<void> {
  requireLinux()
  const samples = new Samples()
  const names = flags.systems.split(',')
  const scale = Number(flags.scale)
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const name of names) {
      const start = systems.get(name)
      if (start === undefined)
        throw new Error(`no system '${name}'; there are: ${[...systems.keys()].join(', ')}`)
      await using target = await start()
      // Kafka's first requests are slow until its code is compiled.
      await warmUp(target)
      const measurement = { name, target, samples, round }
      for (const rate of RATES) await measurePaced(measurement, rate)
      await measureUnpaced(measurement, 1024, Math.round(400_000 * scale))
      await measureUnpaced(measurement, 100, Math.round(2_000_000 * scale))
    }
  }
  samples.print(
    `librdkafka, acks=all, RF 3, ${PARTITIONS} partitions, ${cpus().length} cores shared with the client`,
  )
  if (names.includes('kafka')) printRatios(samples, names)
}

await main()
