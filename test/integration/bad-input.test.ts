/**
 * What a hostile or broken client sends, on both wires: each gets its documented error, the broker stays up, and a
 * client beside it notices nothing.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, NATIVE_PREAMBLE } from '@millrace/protocol'
import { RecordBatchBuilder, type BuildOptions } from '@millrace/record'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'
import { RawConnection, type RawWire } from '../rig/raw-connection.ts'
import { randomBytes } from '../rig/random-bytes.ts'

const topic = 'plain'
const PRODUCE = 9
const FETCH = 12

let broker: BrokerProcess
beforeAll(async () => {
  broker = await BrokerProcess.start({
    config: { 'message.max.bytes': 100_000, 'auto.create.topics.enable': false },
  })
  using admin = await RawConnection.open(broker.port, 'kafka')
  for (const name of [topic, 'doomed']) await createTopic(admin, name)
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
})

async function createTopic(connection: RawConnection, name: string): Promise<number> {
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
  const response = await connection.request('CreateTopics', 7, { topics, timeoutMs: 10_000 })
  return response.topics[0]!.errorCode
}

/** What lies in the data folder; a topic that was deleted before may only now lose its name. */
function foldersAndFiles(): string[] {
  return readdirSync(broker.data)
    .map((name) => name.replace(/\.[0-9a-f]{32}-delete$/, ''))
    .sort()
}

function batch(value: string | Buffer = 'value', options: BuildOptions = {}): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  builder.tryAppend(Date.now(), 'key', value)
  return builder.build(options)
}

async function produce(connection: RawConnection, name: string, records: Buffer, acks = -1): Promise<number> {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const response = await connection.request('Produce', PRODUCE, { acks, timeoutMs: 5000, topicData })
  return response.responses[0]!.partitionResponses[0]!.errorCode
}

async function logEndOffset(connection: RawConnection): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  const response = await connection.request('ListOffsets', 5, {
    replicaId: -1,
    isolationLevel: 0,
    topics,
  } as never)
  return response.topics[0]!.partitions[0]!.offset
}

describe.each<RawWire>(['kafka', 'native'])('on the %s wire', (wire) => {
  let bystander: RawConnection
  let attacker: RawConnection
  let before: number

  beforeEach(async () => {
    bystander = await RawConnection.open(broker.port, wire)
    attacker = await RawConnection.open(broker.port, wire)
    before = await logEndOffset(bystander)
  })
  afterEach(async () => {
    expect(await logEndOffset(bystander), 'the log is as it was').toBe(before)
    expect(await produce(bystander, topic, batch())).toBe(ErrorCode.NONE)
    bystander[Symbol.dispose]()
    attacker[Symbol.dispose]()
    expect(broker.alive, broker.output).toBe(true)
  })

  it.each([
    ['−1', -1],
    ['zero', 0],
    ['2^31 − 1', 0x7fffffff],
    ['above the limit', 101 * 1024 * 1024],
    ['of a TLS ClientHello', 0x16030100],
  ])('a frame whose length is %s closes the connection', async (_, length) => {
    const frame = Buffer.alloc(64)
    frame.writeInt32BE(length, 0)
    attacker.send(frame)
    await attacker.whenClosed()
  })

  it('a frame that is cut short and followed by nothing closes with its sender, and is not executed', async () => {
    const records = batch()
    const frame = attacker.encode('Produce', PRODUCE, {
      acks: 1,
      timeoutMs: 5000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    })
    attacker.send(frame.subarray(0, frame.length - 5))
    attacker[Symbol.dispose]()
  })

  it('random bytes in well-framed requests close the connection', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      using connection = await RawConnection.open(broker.port, wire)
      const frame = randomBytes(seed, 4 + 12 + (seed % 97))
      frame.writeInt32BE(frame.length - 4, 0)
      frame.writeInt16BE(0x7000 + seed, wire === 'kafka' ? 4 : 6)
      connection.send(frame)
      await connection.whenClosed()
    }
  })

  it('a request cut inside and padded to its declared length closes the connection', async () => {
    const frame = attacker.encode('Metadata', 9, { topics: [{ name: topic }], allowAutoTopicCreation: false })
    const cut = Buffer.from(frame.subarray(0, frame.length - 3))
    cut.writeInt32BE(cut.length - 4, 0)
    attacker.send(cut)
    await attacker.whenClosed()
  })

  it('an unknown API key closes the connection', async () => {
    const frame = attacker.encode('DescribeCluster', 0, {})
    if (wire === 'kafka') frame.writeInt16BE(999, 4)
    else frame[frame.indexOf(60, 6)] = 0x7f
    attacker.send(frame)
    await attacker.whenClosed()
  })

  it('an unsupported version of a known API closes the connection', async () => {
    attacker.send(attacker.encode('Produce', 0, { acks: 1, timeoutMs: 1, topicData: [] }))
    await attacker.whenClosed()
  })

  it('a wrong CRC is CORRUPT_MESSAGE', async () => {
    const records = batch()
    records[records.length - 2]! ^= 1
    expect(await produce(attacker, topic, records)).toBe(ErrorCode.CORRUPT_MESSAGE)
  })

  it.each([
    ['longer than its bytes', 1, ErrorCode.INVALID_RECORD],
    ['shorter than its bytes', -1, ErrorCode.CORRUPT_MESSAGE],
    ['negative', -100_000, ErrorCode.CORRUPT_MESSAGE],
  ])('a batch whose length field is %s is refused', async (_, change, error) => {
    const records = batch()
    records.writeInt32BE(records.readInt32BE(8) + change, 8)
    expect(await produce(attacker, topic, records)).toBe(error)
  })

  it('an empty record set and null records are refused', async () => {
    expect(await produce(attacker, topic, Buffer.alloc(0))).not.toBe(ErrorCode.NONE)
    expect(await produce(attacker, topic, null as never)).not.toBe(ErrorCode.NONE)
  })

  it('two batches for one partition are INVALID_RECORD', async () => {
    expect(await produce(attacker, topic, Buffer.concat([batch(), batch()]))).toBe(ErrorCode.INVALID_RECORD)
  })

  it('a record above the limit is MESSAGE_TOO_LARGE', async () => {
    expect(await produce(attacker, topic, batch(Buffer.alloc(150_000, 'x')))).toBe(
      ErrorCode.MESSAGE_TOO_LARGE,
    )
  })

  it('acks outside −1, 0, 1 is INVALID_REQUIRED_ACKS', async () => {
    expect(await produce(attacker, topic, batch(), 2)).toBe(ErrorCode.INVALID_REQUIRED_ACKS)
  })

  it('a topic that was deleted is UNKNOWN_TOPIC_OR_PARTITION to a producer', async () => {
    const name = `deleted-${wire}`
    expect(await createTopic(attacker, name)).toBe(ErrorCode.NONE)
    expect(await produce(attacker, name, batch())).toBe(ErrorCode.NONE)
    await attacker.request('DeleteTopics', 5, { topicNames: [name], timeoutMs: 10_000 } as never)
    expect(await produce(attacker, name, batch())).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  it.each(['../escape', '..', '.', 'a/b', 'nul\0', 'ü', 'x'.repeat(250), ''])(
    'the topic name %j is INVALID_TOPIC_EXCEPTION and touches no file',
    async (name) => {
      const files = foldersAndFiles()
      expect(await createTopic(attacker, name)).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
      expect(foldersAndFiles()).toEqual(files)
      expect(existsSync(join(broker.data, '..', 'escape-0'))).toBe(false)
    },
  )

  it('a fetch beyond the end is OFFSET_OUT_OF_RANGE', async () => {
    const partitions = [{ partition: 0, fetchOffset: 1_000_000, partitionMaxBytes: 1000 }]
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, topics: [{ topic, partitions }] }
    const response = await attacker.request('Fetch', FETCH, body as never)
    expect(response.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  it('many connections that send one byte and then nothing leave the others alone', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(broker.port, wire)))
    for (const connection of slow) connection.send(Buffer.from([0]))
    expect(await logEndOffset(attacker)).toBe(before)
    for (const connection of slow) connection[Symbol.dispose]()
  })
})

describe('detection of the wire', () => {
  it('takes a preamble that arrives byte by byte', async () => {
    using connection = await RawConnection.open(broker.port, 'native')
    expect(await logEndOffset(connection)).toBeGreaterThanOrEqual(0)
    expect(NATIVE_PREAMBLE.readInt32BE(0)).toBeLessThan(0)
  })

  it('answers ApiVersions of a version from the future with error 35 and the range it serves', async () => {
    using connection = await RawConnection.open(broker.port, 'kafka')
    const body = Buffer.from('001200630000002a00037261770000', 'hex')
    const frame = Buffer.concat([Buffer.alloc(4), body])
    frame.writeInt32BE(body.length, 0)
    connection.send(frame)
    const response = await connection.frame()
    expect(response.readInt32BE(0)).toBe(42)
    expect(response.readInt16BE(4)).toBe(ErrorCode.UNSUPPORTED_VERSION)
    expect(response.readInt32BE(6)).toBe(1)
    expect([response.readInt16BE(10), response.readInt16BE(12)]).toEqual([18, 0])
  })
})
