/**
 * Node's Kafka clients against the same Millrace, one after the other, each in a process of its own.
 *
 *   node test/bench/node-clients.ts [--rounds 3] [--flush os] [--scale 1]
 *
 * 2 partitions, acks=1, no compression, keys of 12 bytes; broker and client share the machine's cores. Producers send
 * batches of 2,000 (100 B) or 500 (1 KB) records, four under way; ours takes single records. Consumers read the topic
 * from its beginning and touch every value; kafkajs cannot, because its consumer needs a group coordinator.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Consumer } from '@millrace/consumer-client'
import { Producer } from '@millrace/producer-client'
import { stringSerializers, Producer as PlatformaticProducer } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { millrace, requireLinux, usageOf, used, type RunningSystem } from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'
import { Samples } from './samples.ts'

const run = promisify(execFile)
const partitions = 2
const key = 'key-00000001'
const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '3' },
    flush: { type: 'string', default: 'os' },
    scale: { type: 'string', default: '1' },
    /** `CLIENT,BOOTSTRAP,RECORDS,BYTES`: does one run and prints its result; how this program calls itself. */
    run: { type: 'string' },
  },
})

interface Load {
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
  readonly bytes: number
}

type Client = (load: Load) => Promise<void>

/** Sends batches of equal size to the partitions in turn, four under way. */
async function inBatches(
  { records, bytes }: Load,
  send: (partition: number, count: number) => Promise<unknown>,
): Promise<void> {
  const batchRecords = bytes < 1000 ? 2000 : 500
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < records) {
      const partition = (next / batchRecords) % partitions
      next += batchRecords
      await send(partition, batchRecords)
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
}

const clients: Readonly<Record<string, Client>> = {
  async 'produce millrace'({ bootstrap, topic, records, bytes }) {
    await using producer = new Producer({ bootstrap, acks: 1 })
    const value = 'x'.repeat(bytes)
    function* all() {
      for (let i = 0; i < records; i++) yield { key, value, partition: i % partitions }
    }
    await producer.sendMany(topic, all())
  },
  async 'produce kafkajs'(load) {
    const kafka = new Kafka({ brokers: [load.bootstrap], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await producer.connect()
    const value = 'x'.repeat(load.bytes)
    await inBatches(load, (partition, count) =>
      producer.send({
        topic: load.topic,
        acks: 1,
        messages: Array.from({ length: count }, () => ({ key, value, partition })),
      }),
    )
    await producer.disconnect()
  },
  async 'produce platformatic'(load) {
    const producer = new PlatformaticProducer({
      clientId: 'bench',
      bootstrapBrokers: [load.bootstrap],
      serializers: stringSerializers,
    })
    const { topic } = load
    const value = 'x'.repeat(load.bytes)
    await inBatches(load, (partition, count) =>
      producer.send({
        acks: 1,
        messages: Array.from({ length: count }, () => ({ topic, key, value, partition })),
      }),
    )
    await producer.close()
  },
  async 'consume millrace, batches'({ bootstrap, topic, records }) {
    await using consumer = new Consumer({ bootstrap })
    let [read, touched] = [0, 0]
    for await (const batch of consumer.read(topic, { from: 'beginning' }).batches()) {
      for (const message of batch) {
        touched += message.value!.length
        read++
      }
      if (read >= records) break
    }
    if (touched === 0) throw new Error('nothing was read')
  },
  async 'consume millrace, messages'({ bootstrap, topic, records }) {
    await using consumer = new Consumer({ bootstrap })
    let [read, touched] = [0, 0]
    for await (const message of consumer.read(topic, { from: 'beginning' })) {
      touched += message.value!.length
      if (++read >= records) break
    }
    if (touched === 0) throw new Error('nothing was read')
  },
}

/** In the child process: one client, one load. */
async function runOne(spec: string): Promise<void> {
  const [client, bootstrap, topic, records, bytes] = spec.split('|') as [
    string,
    string,
    string,
    string,
    string,
  ]
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await clients[client]!({ bootstrap, topic, records: Number(records), bytes: Number(bytes) })
  const seconds = (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(before)
  console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 }))
  // kafkajs and others leave timers behind
  process.exit(0)
}

async function measure(system: RunningSystem, client: string, load: Load, samples: Samples): Promise<void> {
  const spec = [client, load.bootstrap, load.topic, load.records, load.bytes].join('|')
  const before = usageOf(system.pid)
  const { stdout } = await run(process.execPath, [...process.execArgv, import.meta.filename, '--run', spec])
  const { userSeconds, systemSeconds } = used(before, usageOf(system.pid))
  const { seconds, cpuSeconds } = JSON.parse(stdout) as { seconds: number; cpuSeconds: number }
  samples.add(`${client}, ${load.bytes} B`, {
    'records/s': load.records / seconds,
    'MB/s': (load.records * load.bytes) / 1e6 / seconds,
    'client CPU s': cpuSeconds,
    'broker CPU s': userSeconds + systemSeconds,
  })
}

async function main(): Promise<void> {
  requireLinux()
  const scale = Number(flags.scale)
  const samples = new Samples()
  const loads = [
    { bytes: 100, records: 1_000_000 * scale },
    { bytes: 1024, records: 200_000 * scale },
  ]
  for (let round = 0; round < Number(flags.rounds); round++) {
    const system = await millrace(flags.flush === 'commit' ? 'commit' : 'os').start()
    try {
      for (const { bytes, records } of loads) {
        for (const client of Object.keys(clients)) {
          // each producer has a topic of its own; consumers read what ours produced
          const topic = client.startsWith('consume')
            ? `millrace-${bytes}`
            : `${client.split(' ')[1]}-${bytes}`
          if (!client.startsWith('consume')) await system.createTopic(topic, partitions)
          await measure(system, client, { bootstrap: system.bootstrap, topic, records, bytes }, samples)
        }
      }
    } finally {
      await system.stop()
    }
  }
  samples.print(`Node clients, Millrace flush=${flags.flush}, acks=1, ${partitions} partitions`)
}

await (flags.run === undefined ? main() : runOne(flags.run))
