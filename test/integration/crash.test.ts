/**
 * SIGKILL under load, again and again on the same folder: with `flush.policy=commit` nothing that was acknowledged may
 * be missing, moved or changed afterwards. CRASH_KILLS sets how many kills (default 5; 50 before a release).
 */
import { batchSizeAt, isBatchError, readRecords, RecordBatchBuilder } from '@millrace/record'
import { ErrorCode } from '@millrace/protocol'
import { expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'
import { RawConnection } from '../rig/raw-connection.ts'

const kills = Number(process.env['CRASH_KILLS'] ?? 5)
const connections = 4
const recordsPerBatch = 20
const topic = 'ledger'

/** Value at each acknowledged offset. */
type Ledger = Map<number, string>

function batch(label: string): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 16 })
  for (let i = 0; i < recordsPerBatch; i++) {
    builder.tryAppend(Date.now(), label, `${label}/${i}/${'x'.repeat(40)}`)
  }
  return builder.build()
}

/** Produces one batch after the other until the connection dies; what was acknowledged goes into the ledger. */
async function produceUntilKilled(broker: BrokerProcess, label: string, ledger: Ledger): Promise<void> {
  using connection = await RawConnection.open(broker.port, 'kafka')
  for (let sequence = 0; ; sequence++) {
    const name = `${label}.${sequence}`
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch(name) }] }]
    let response
    try {
      response = await connection.request('Produce', 9, { acks: -1, timeoutMs: 10_000, topicData })
    } catch (error) {
      if (connection.closed) return
      throw error
    }
    const { errorCode, baseOffset } = response.responses[0]!.partitionResponses[0]!
    expect(errorCode).toBe(ErrorCode.NONE)
    for (let i = 0; i < recordsPerBatch; i++) ledger.set(baseOffset + i, `${name}/${i}/${'x'.repeat(40)}`)
  }
}

function* valuesIn(records: Buffer): Generator<[number, string]> {
  for (let position = 0; position < records.length; position += batchSizeAt(records, position)!) {
    const batch = readRecords(records, { position, maxDecompressedBytes: 1 << 20 })
    if (isBatchError(batch)) throw new Error(`batch at byte ${position}: ${batch.message}`)
    for (const record of batch) yield [record.offset, record.valueText()!]
  }
}

/** A new leadership knows what is committed once its epoch is on disk; until then ListOffsets says so (KIP-207). */
async function highWatermarkKnown(connection: RawConnection): Promise<void> {
  for (;;) {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }]
    const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] }
    const response = await connection.request('ListOffsets', 6, body as never)
    const { errorCode } = response.topics[0]!.partitions[0]!
    if (errorCode !== ErrorCode.OFFSET_NOT_AVAILABLE) return expect(errorCode).toBe(ErrorCode.NONE)
  }
}

async function readAll(broker: BrokerProcess): Promise<Map<number, string>> {
  using connection = await RawConnection.open(broker.port, 'kafka')
  await highWatermarkKnown(connection)
  const found = new Map<number, string>()
  let fetchOffset = 0
  for (;;) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, topics: [{ topic, partitions }] }
    const response = await connection.request('Fetch', 12, body as never)
    const { errorCode, records, highWatermark } = response.responses[0]!.partitions[0]!
    expect(errorCode).toBe(ErrorCode.NONE)
    if (records === null || records.length === 0) {
      expect(found.size).toBe(highWatermark)
      return found
    }
    for (const [offset, value] of valuesIn(records)) {
      found.set(offset, value)
      fetchOffset = offset + 1
    }
  }
}

it(`keeps every acknowledged record over ${kills} kills`, { timeout: 20_000 + kills * 10_000 }, async () => {
  await using broker = await BrokerProcess.start({
    flush: 'commit',
    config: { 'log.segment.bytes': 1 << 20 },
  })
  using admin = await RawConnection.open(broker.port, 'kafka')
  await admin.request('CreateTopics', 7, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
  })
  const ledger: Ledger = new Map()
  for (let kill = 0; kill < kills; kill++) {
    const before = ledger.size
    const load = Array.from({ length: connections }, (_, i) =>
      produceUntilKilled(broker, `${kill}-${i}`, ledger),
    )
    // an uneven amount of work each time, so that the kill hits different moments of a turn
    while (ledger.size < before + 2000 + kill * 137) await new Promise(setImmediate)
    await broker.kill()
    await Promise.all(load)
    await broker.startAgain()
    const found = await readAll(broker)
    const missing = [...ledger].filter(([offset, value]) => found.get(offset) !== value)
    expect(
      missing.slice(0, 3),
      `after kill ${kill + 1}: ${missing.length} acknowledged records are missing`,
    ).toEqual([])
  }
  expect(ledger.size).toBeGreaterThan(kills * 2000)
})
