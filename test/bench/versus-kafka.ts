/**
 * Millrace and Apache Kafka under the same load, interleaved in one run on this machine.
 *
 *   node test/bench/versus-kafka.ts [--rounds 3] [--systems kafka,millrace] [--scale 1]
 *
 * Load: librdkafka (test/bench/load.c), acks=1, linger 5 ms, 2 partitions, RF 1, no flush to disk on either side
 * (`--flush os`), every process free to use every core. Prints medians with their range, then the ratios that matter.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { cpus } from 'node:os'
import { Samples, short } from './samples.ts'
import {
  compiled,
  jsonOf,
  requireLinux,
  systemsNamed,
  usageOf,
  used,
  type RunningSystem,
  type System,
} from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'

interface LoadResult {
  readonly records: number
  readonly failed: number
  readonly seconds: number
  readonly clientCpuSeconds: number
}

interface Workload {
  readonly bytes: number
  readonly records: number
}

const partitions = 2
const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '3' },
    systems: { type: 'string', default: 'kafka,millrace' },
    scale: { type: 'string', default: '1' },
  },
})

function workloads(scale: number): Workload[] {
  return [
    { bytes: 100, records: Math.round(2_000_000 * scale) },
    { bytes: 1024, records: Math.round(500_000 * scale) },
  ]
}

async function measure(
  system: RunningSystem,
  load: string,
  workload: Workload,
  samples: Samples,
): Promise<void> {
  const topic = `bench-${workload.bytes}`
  await system.createTopic(topic, partitions)
  const args = [system.bootstrap, topic, String(workload.records), String(workload.bytes), String(partitions)]
  const gigabytes = (workload.records * workload.bytes) / 1e9
  for (const direction of ['produce', 'consume'] as const) {
    const before = usageOf(system.pid)
    const result = await jsonOf<LoadResult>([load, direction, ...args])
    const after = usageOf(system.pid)
    const { userSeconds, systemSeconds } = used(before, after)
    samples.add(`${direction} ${workload.bytes} B, ${system.name}`, {
      'records/s': result.records / result.seconds,
      'MB/s': (result.records * workload.bytes) / 1e6 / result.seconds,
      'broker user s/GB': userSeconds / gigabytes,
      'system s/GB': systemSeconds / gigabytes,
      'client s/GB': result.clientCpuSeconds / gigabytes,
      'peak MB': after.peakMb,
    })
  }
}

/** Start to first acknowledged record, then memory and CPU of a broker that nobody talks to. */
async function measureIdle(system: System, load: string, samples: Samples): Promise<void> {
  const startedMs = performance.now()
  const running = await system.start()
  try {
    await jsonOf<LoadResult>([load, 'produce', running.bootstrap, 'first', '1', '100', '1', 'linger.ms', '0'])
    const firstMs = performance.now() - startedMs
    await delay(3000)
    const before = usageOf(running.pid)
    const idleSeconds = 10
    await delay(idleSeconds * 1000)
    const after = usageOf(running.pid)
    const cpu = used(before, after)
    samples.add(`idle, ${system.name}`, {
      'listening ms': running.startMs,
      'first ack ms': firstMs,
      'RSS MB': after.rssMb,
      'CPU % of a core': ((cpu.userSeconds + cpu.systemSeconds) / idleSeconds) * 100,
    })
  } finally {
    await running.stop()
  }
}

function printRatios(samples: Samples, bytes: readonly number[]): void {
  console.log('\nMillrace ÷ Kafka')
  const ratio = (row: string, column: string): string =>
    short(samples.median(`${row}, millrace os`, column) / samples.median(`${row}, kafka`, column))
  for (const size of bytes) {
    for (const direction of ['produce', 'consume']) {
      const row = `${direction} ${size} B`
      console.log(
        `  ${row.padEnd(15)} records/s ${ratio(row, 'records/s')}×   broker user CPU ${ratio(row, 'broker user s/GB')}×`,
      )
    }
  }
  console.log(
    `  start to first acknowledged record ${ratio('idle', 'first ack ms')}×   idle RSS ${ratio('idle', 'RSS MB')}×`,
  )
}

async function main(): Promise<void> {
  requireLinux()
  const load = compiled('load')
  const systems = systemsNamed(flags.systems)
  const samples = new Samples()
  const loads = workloads(Number(flags.scale))
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const system of systems) {
      const running = await system.start()
      try {
        for (const workload of loads) await measure(running, load, workload, samples)
      } finally {
        await running.stop()
      }
    }
  }
  for (const system of systems) await measureIdle(system, load, samples)
  samples.print(
    `librdkafka, acks=1, linger 5 ms, ${partitions} partitions, RF 1, ${cpus().length} cores shared with the client`,
  )
  if (systems.length > 1)
    printRatios(
      samples,
      loads.map(({ bytes }) => bytes),
    )
}

await main()
