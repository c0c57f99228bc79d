/**
 * The demo: real records through a real broker process, to disk and back, through a crash. Exits with 1 when anything
 * differs from what was sent.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerProcess } from './demo/broker-process.ts'
import { differences, contentHash, type Flight, FlightCollector, loadFlights } from './demo/flights.ts'
import { blank, count, fact, failure, step, title } from './demo/report.ts'

const PARTITIONS = 6
const LATENCY_SAMPLES = 300

requireNode(24, 11)
// Only now: an old Node could not even load these.
const { Admin, json, string, topic } = await import('@millrace/client')
const { Consumer } = await import('@millrace/consumer-client')
const { Producer } = await import('@millrace/producer-client')

const flightsTopic = topic('flights', { key: string(), value: json<Flight>() })
const probeTopic = topic('latency-probe', { key: string(), value: string() })

process.exitCode = await main()

async function main(): Promise<number> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
  const flights = loadFlights()
  title(`Millrace demo: ${count(flights.length)} real flights through a real broker`)
  try {
    const startedMs = performance.now()
    await using broker = await BrokerProcess.start(dataDirectory)
    step('broker started', `pid ${broker.pid} on ${broker.address}, ready in ${seconds(startedMs)}`)
    const sent = await produce(broker.address, flights)
    let verified = await consumeAndVerify('consumed', broker.address, sent)
    const latency = await measureLatency(broker.address)

    const killedMs = performance.now()
    await broker.kill()
    await using again = await BrokerProcess.start(dataDirectory)
    step('broker killed and restarted', `SIGKILL, then recovered and ready in ${seconds(killedMs)}`)
    verified = (await consumeAndVerify('consumed again', again.address, sent)) && verified
    const exitCode = await again.stop()
    if (exitCode !== 0) failure('broker did not stop cleanly', [`exit code ${exitCode}`])

    blank()
    fact('latency', `${latency}, one record at a time, on disk before the answer`)
    fact(
      'verified',
      `count, order within each of ${sent.byOrigin.size} keys, sha256 ${contentHash(sent.byOrigin).slice(0, 16)}…`,
    )
    fact('data', dataDirectory)
    fact(
      'look',
      `scripts/millrace log dump --records ${join(dataDirectory, 'flights-0', '0'.repeat(20) + '.log')}`,
    )
    blank()
    return verified && exitCode === 0 ? 0 : 1
  } catch (error) {
    failure('the demo failed', [(error as Error).message, `data: ${dataDirectory}`])
    return 1
  }
}

async function produce(bootstrap: string, flights: readonly Flight[]): Promise<FlightCollector> {
  await using admin = new Admin({ bootstrap })
  await admin.createTopics([{ name: flightsTopic.name, partitions: PARTITIONS }])
  step(`topic ${flightsTopic.name} created`, `${PARTITIONS} partitions`)

  const sent = new FlightCollector()
  for (const flight of flights) sent.add(flight.origin, JSON.stringify(flight))
  await using producer = new Producer({ bootstrap })
  await producer.connect()
  const startedMs = performance.now()
  await Promise.all(
    flights.map((flight) => producer.send(flightsTopic, { key: flight.origin, value: flight })),
  )
  step(`produced ${count(flights.length)} records`, throughput(sent, startedMs))
  return sent
}

async function consumeAndVerify(label: string, bootstrap: string, sent: FlightCollector): Promise<boolean> {
  const found = new FlightCollector()
  await using consumer = new Consumer({ bootstrap })
  await consumer.connect()
  const startedMs = performance.now()
  for await (const { key, value } of consumer.read(flightsTopic, { from: 'beginning', until: 'end' })) {
    found.add(key, JSON.stringify(value))
  }
  const problems = differences(sent, found)
  if (problems.length === 0) step(`${label}, all as sent`, throughput(found, startedMs))
  else failure(`${label}, but not what was sent`, problems.slice(0, 5))
  return problems.length === 0
}

async function measureLatency(bootstrap: string): Promise<string> {
  await using producer = new Producer({ bootstrap, lingerMs: 0 })
  const samplesMs: number[] = []
  for (let sample = -20; sample < LATENCY_SAMPLES; sample++) {
    const sentMs = performance.now()
    await producer.send(probeTopic, { key: 'probe', value: String(sample) })
    if (sample >= 0) samplesMs.push(performance.now() - sentMs)
  }
  samplesMs.sort((a, b) => a - b)
  const quantile = (fraction: number): string =>
    samplesMs[Math.floor(samplesMs.length * fraction)]!.toFixed(2)
  return `p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`
}

function throughput({ count: records, bytes }: FlightCollector, startedMs: number): string {
  const elapsedS = (performance.now() - startedMs) / 1000
  const rate = `${count(Math.round(records / elapsedS))} records/s, ${(bytes / 1e6 / elapsedS).toFixed(1)} MB/s`
  return `${(bytes / 1e6).toFixed(1)} MB in ${elapsedS.toFixed(2)} s: ${rate}`
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(2)} s`
}

function requireNode(major: number, minor: number): void {
  const [haveMajor = 0, haveMinor = 0] = process.versions.node.split('.').map(Number)
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return
  process.stderr.write(
    `Node ${major}.${minor} or newer is needed, this is ${process.versions.node}. Run: npx -y pnpm@12.21.0 demo\n`,
  )
  process.exit(1)
}
