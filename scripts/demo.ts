/**
 * The demo: real records through a real cluster, three controllers and three brokers, while a leader and the active
 * controller are killed. Exits with 1 when anything is lost, doubled or out of order, or when replicas differ.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AckTimes } from './demo/ack-times.ts'
import { DevCluster } from './demo/dev-cluster.ts'
import { differences, contentHash, type Flight, FlightCollector, loadFlights } from './demo/flights.ts'
import { replicaDifferences } from './demo/replica-files.ts'
import { blank, count, fact, failure, step, title } from './demo/report.ts'

const PARTITIONS = 6
const REPLICATION = { replicationFactor: 3, configs: { 'min.insync.replicas': '2' } }
const LATENCY_SAMPLES = 300
const METADATA_PROBE = 'metadata-probe'
/** The stream takes three seconds: long enough for a failover in each third. */
const SLICE_MS = 10
const SLICES = 300
const IN_SYNC_TIMEOUT_MS = 15_000

requireNode(24, 11)
// Only now: an old Node could not even load these.
const { Admin, json, string, topic } = await import('@millrace/client')
const { Consumer } = await import('@millrace/consumer-client')
const { Producer } = await import('@millrace/producer-client')

const flightsTopic = topic('flights', { key: string(), value: json<Flight>() })
const probeTopic = topic('latency-probe', { key: string(), value: string() })

process.exitCode = await main()

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
  const flights = loadFlights()
  title(`Millrace demo: ${count(flights.length)} real flights through a cluster that is killed on the way`)
  try {
    const startedMs = performance.now()
    await using cluster = await DevCluster.start(folder)
    const { bootstrap, brokers } = cluster
    step('cluster started', `3 controllers, ${brokers.length} brokers, ready in ${seconds(startedMs)}`)
    await using admin = new Admin({ bootstrap })
    await admin.createTopics([{ name: flightsTopic.name, partitions: PARTITIONS, ...REPLICATION }])
    step(
      `topic ${flightsTopic.name} created`,
      `${PARTITIONS} partitions × 3 replicas, 2 of them in sync at least`,
    )

    const sent = await streamThroughFailovers(cluster, admin, flights)
    const isVerified = await consumeAndVerify(bootstrap, sent)
    const inSyncMs = performance.now()
    await allInSync(admin)
    step('killed nodes are back', `every replica in sync again, ${seconds(inSyncMs)} after the last read`)
    await admin.createTopics([{ name: probeTopic.name, partitions: 1, ...REPLICATION }])
    const latency = await measureLatency(bootstrap)
    const exitCode = await cluster.stop()
    if (exitCode !== 0) failure('the cluster did not stop cleanly', [`exit code ${exitCode}`])
    const areSame = compareReplicas(brokers.map(({ data }) => data))

    blank()
    fact('latency', `${latency}, one record at a time, on two disks at least before the answer`)
    fact(
      'verified',
      `count, order within each of ${sent.byOrigin.size} keys, sha256 ${contentHash(sent.byOrigin).slice(0, 16)}…`,
    )
    fact('data', folder)
    const segment = join(brokers[0]!.data, 'flights-0', `${'0'.repeat(20)}.log`)
    fact('look', `scripts/millrace log dump --records ${segment}`)
    fact('go on', `scripts/millrace dev --data ${folder}`)
    blank()
    return isVerified && areSame && exitCode === 0 ? 0 : 1
  } catch (error) {
    failure('the demo failed', [(error as Error).message, `data and logs: ${folder}`])
    return 1
  }
}

type AdminClient = InstanceType<typeof Admin>

/** Sends at a steady pace, whatever happens: a leader is killed after the first third, the active controller after the second. */
async function streamThroughFailovers(
  cluster: DevCluster,
  admin: AdminClient,
  flights: readonly Flight[],
): Promise<FlightCollector> {
  const { bootstrap } = cluster
  const sent = new FlightCollector()
  const acks = new AckTimes()
  await using producer = new Producer({ bootstrap })
  await producer.connect()
  const send = async (flight: Flight): Promise<void> => {
    sent.add(flight.origin, JSON.stringify(flight))
    const { partition } = await producer.send(flightsTopic, { key: flight.origin, value: flight })
    acks.add(partition, performance.now())
  }

  const startedMs = performance.now()
  const sending: Promise<void>[] = []
  const failovers: Promise<Failover>[] = []
  const perSlice = Math.ceil(flights.length / SLICES)
  for (let slice = 0; slice < SLICES; slice++) {
    for (const flight of flights.slice(slice * perSlice, (slice + 1) * perSlice)) sending.push(send(flight))
    if (slice === SLICES / 3) failovers.push(started(killLeader(cluster, admin)))
    if (slice === (SLICES * 2) / 3) failovers.push(started(killController(cluster, admin)))
    const leftMs = startedMs + (slice + 1) * SLICE_MS - performance.now()
    if (leftMs > 0) await delay(leftMs)
  }
  await Promise.all(sending)
  const streamed = throughput(sent, startedMs)
  for (const [index, { label, detail, partitions, killedMs }] of (await Promise.all(failovers)).entries()) {
    const untilMs = (await failovers[index + 1])?.killedMs ?? Infinity
    const pauseMs = acks.longestPauseMs(partitions, killedMs, untilMs)
    step(label, `${detail}; longest write pause ${pauseMs.toFixed(0)} ms`)
  }
  step(`streamed ${count(flights.length)} records`, streamed)
  return sent
}

interface Failover {
  readonly label: string
  readonly detail: string
  /** Whose writes it could stop. */
  readonly partitions: readonly number[]
  readonly killedMs: number
}

/** Awaited later, when the stream has ended; it may fail before. */
function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {
    // Told to whoever awaits it.
  })
  return promise
}

async function killLeader(cluster: DevCluster, admin: AdminClient): Promise<Failover> {
  const [flightsNow] = await admin.describeTopics([flightsTopic.name])
  const { leader } = flightsNow!.partitions[0]!
  const led = flightsNow!.partitions.filter((partition) => partition.leader === leader)
  const killedMs = performance.now()
  const { pid } = cluster.kill(leader)
  return {
    label: `broker ${leader} killed in mid-stream`,
    detail: `SIGKILL to pid ${pid}, leader of ${led.length} partitions`,
    partitions: led.map(({ partition }) => partition),
    killedMs,
  }
}

async function killController(cluster: DevCluster, admin: AdminClient): Promise<Failover> {
  const { leaderId } = await admin.describeQuorum()
  const killedMs = performance.now()
  cluster.kill(leaderId)
  // Whatever broker is back by then.
  await admin.createTopics([{ name: METADATA_PROBE, partitions: 1, replicationFactor: 1 }])
  const changedMs = performance.now() - killedMs
  return {
    label: `controller ${leaderId} killed in mid-stream`,
    detail: `SIGKILL, the next topic was created after ${changedMs.toFixed(0)} ms`,
    partitions: Array.from({ length: PARTITIONS }, (_, partition) => partition),
    killedMs,
  }
}

async function consumeAndVerify(bootstrap: string, sent: FlightCollector): Promise<boolean> {
  const found = new FlightCollector()
  await using consumer = new Consumer({ bootstrap })
  await consumer.connect()
  const startedMs = performance.now()
  for await (const { key, value } of consumer.read(flightsTopic, { from: 'beginning', until: 'end' })) {
    found.add(key, JSON.stringify(value))
  }
  const problems = differences(sent, found)
  if (problems.length === 0) step('nothing lost, doubled or reordered', throughput(found, startedMs))
  else failure('consumed, but not what was sent', problems.slice(0, 5))
  return problems.length === 0
}

/** @throws Error when a replica stays away */
async function allInSync(admin: AdminClient): Promise<void> {
  const deadlineMs = performance.now() + IN_SYNC_TIMEOUT_MS
  for (;;) {
    const topics = await admin.describeTopics([flightsTopic.name])
    const behind = topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ isr, replicas }) => isr.length < replicas.length)
        .map(({ partition, isr }) => `${name}-${partition} (in sync: ${isr.join(', ')})`),
    )
    if (behind.length === 0) return
    if (performance.now() > deadlineMs) throw new Error(`not in sync again: ${behind.join(', ')}`)
    await delay(20)
  }
}

function compareReplicas(folders: readonly string[]): boolean {
  const problems = replicaDifferences(folders, flightsTopic.name, PARTITIONS)
  if (problems.length === 0) step('replicas compared', 'byte for byte the same on all three disks')
  else failure('replicas differ', problems)
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
