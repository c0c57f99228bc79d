/**
 * What one request costs a broker: recorded requests replayed from one core, the broker pinned to the other.
 *
 *   node test/bench/replay.ts [--rounds 3] [--systems kafka,millrace]
 *
 * Requests: Produce v7 with one batch of 100-byte records, Fetch v4 from offset 0; acks=1, RF 1, no flush to disk.
 * Prints µs of the broker's CPU per request, user and system apart: on a machine with dear page faults only the user
 * part says something about the broker.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeKafkaRequest } from '@millrace/protocol'
import { RecordBatchBuilder } from '@millrace/record'
import { root } from '../rig/broker-process.ts'
import { Samples } from './samples.ts'
import {
  compiled,
  jsonOf,
  requireLinux,
  systemsNamed,
  usageOf,
  used,
  type RunningSystem,
} from '../rig/system.ts'
import { scriptArguments } from '../rig/script-arguments.ts'

interface ReplayResult {
  readonly requests: number
  readonly seconds: number
  readonly requestBytes: number
  readonly responseBytes: number
}

interface Request {
  readonly name: string
  readonly bytes: number
  readonly count: number
  readonly window: number
}

const produces: readonly Request[] = [
  { name: 'produce 1 KB', bytes: 1100, count: 100_000, window: 16 },
  { name: 'produce 16 KB', bytes: 16_384, count: 20_000, window: 8 },
  { name: 'produce 64 KB', bytes: 65_536, count: 8_000, window: 8 },
  { name: 'produce 1 MB', bytes: 1_048_000, count: 500, window: 4 },
]
const fetches: readonly Request[] = [
  { name: 'fetch 64 KB', bytes: 65_536, count: 20_000, window: 4 },
  { name: 'fetch 1 MB', bytes: 1_048_576, count: 3_000, window: 2 },
]
const topic = 'bench'
const { values: flags } = scriptArguments(import.meta.filename, {
  options: {
    rounds: { type: 'string', default: '3' },
    systems: { type: 'string', default: 'kafka,millrace' },
  },
})

/** One batch of 100-byte records that fills `bytes` as far as whole records do. */
function batchOf(bytes: number): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: bytes })
  const value = Buffer.alloc(100, 'x')
  const timestamp = Date.now()
  while (builder.tryAppend(timestamp, 'key-00000001', value)) continue
  return builder.build()
}

function produceRequest(bytes: number): Uint8Array[] {
  const partitionData = [{ index: 0, records: batchOf(bytes) }]
  const body = {
    transactionalId: null,
    acks: 1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData }],
  }
  return encodeKafkaRequest('Produce', 7, { correlationId: 7, clientId: 'replay' }, body)
}

function fetchRequest(bytes: number): Uint8Array[] {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: bytes }]
  const body = {
    replicaId: -1,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: bytes,
    topics: [{ topic, partitions }],
  }
  return encodeKafkaRequest('Fetch', 4, { correlationId: 7, clientId: 'replay' }, body as never)
}

function requestFiles(): Map<string, string> {
  const folder = join(root, '.cache/bench')
  mkdirSync(folder, { recursive: true })
  const files = new Map<string, string>()
  for (const request of [...produces, ...fetches]) {
    const file = join(folder, `${request.name.replaceAll(' ', '-')}.request`)
    const chunks = request.name.startsWith('produce')
      ? produceRequest(request.bytes)
      : fetchRequest(request.bytes)
    writeFileSync(file, Buffer.concat(chunks))
    files.set(request.name, file)
  }
  return files
}

async function measure(
  system: RunningSystem,
  replay: string,
  files: Map<string, string>,
  samples: Samples,
): Promise<void> {
  const send = (request: Request, count: number): Promise<ReplayResult> =>
    jsonOf(
      [replay, String(system.port), files.get(request.name)!, String(count), String(request.window), '2'],
      '1',
    )
  // compilers warm up: the figures are of a broker that has been running for a while
  for (const request of [...produces, ...fetches]) await send(request, request.count / 2)
  for (const request of [...produces, ...fetches]) {
    const before = usageOf(system.pid)
    const result = await send(request, request.count)
    const { userSeconds, systemSeconds } = used(before, usageOf(system.pid))
    samples.add(`${request.name}, ${system.name}`, {
      'user µs': (userSeconds * 1e6) / result.requests,
      'system µs': (systemSeconds * 1e6) / result.requests,
      'requests/s': result.requests / result.seconds,
    })
  }
}

async function main(): Promise<void> {
  requireLinux()
  const replay = compiled('replay')
  const files = requestFiles()
  const samples = new Samples()
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const system of systemsNamed(flags.systems)) {
      const running = await system.start({ pin: '0' })
      try {
        await running.createTopic(topic, 2)
        await measure(running, replay, files, samples)
      } finally {
        await running.stop()
      }
    }
  }
  samples.print(
    'replayed requests, broker pinned to core 0, 2 connections from core 1, acks=1, RF 1, no flush',
  )
}

await main()
