/** A full disk: what was stored can still be read, what cannot be stored is refused, and it goes on once there is room. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ErrorCode } from '@millrace/protocol'
import { RecordBatchBuilder } from '@millrace/record'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'
import { RawConnection } from '../rig/raw-connection.ts'

const mountPoint = mkdtempSync(join(tmpdir(), 'millrace-small-disk-'))
const data = join(mountPoint, 'data')
const ballast = join(mountPoint, 'ballast')
const topic = 'full'
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mountPoint]).status === 0
if (!mounted) console.warn('NOT TESTED: a full disk; mounting a small tmpfs needs root')

beforeAll(() => {
  if (!mounted) return
  mkdirSync(data)
  writeFileSync(ballast, Buffer.alloc(8 << 20))
})
afterAll(() => {
  if (mounted) execFileSync('umount', [mountPoint])
  rmSync(mountPoint, { recursive: true, force: true })
})

function batch(): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  builder.tryAppend(Date.now(), null, Buffer.alloc(200_000, 'x'))
  return builder.build()
}

async function produce(connection: RawConnection): Promise<{ errorCode: number; baseOffset: number }> {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch() }] }]
  const response = await connection.request('Produce', 9, { acks: -1, timeoutMs: 10_000, topicData })
  return response.responses[0]!.partitionResponses[0]!
}

async function fetchedBytes(connection: RawConnection, fetchOffset: number): Promise<number> {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, topics: [{ topic, partitions }] }
  const response = await connection.request('Fetch', 12, body as never)
  const { errorCode, records } = response.responses[0]!.partitions[0]!
  expect(errorCode).toBe(ErrorCode.NONE)
  return records?.length ?? 0
}

it.runIf(mounted)(
  'refuses with KAFKA_STORAGE_ERROR, keeps serving reads, and takes records again when there is room',
  async () => {
    await using broker = await BrokerProcess.start({ data })
    using connection = await RawConnection.open(broker.port, 'kafka')
    const topics = [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
    await connection.request('CreateTopics', 7, { topics, timeoutMs: 10_000 })

    let stored = 0
    let refused = ErrorCode.NONE as number
    while (refused === ErrorCode.NONE && stored < 100) {
      const { errorCode, baseOffset } = await produce(connection)
      if (errorCode === ErrorCode.NONE) expect(baseOffset).toBe(stored++)
      else refused = errorCode
    }
    expect(refused).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(stored).toBeGreaterThan(10)
    expect(await fetchedBytes(connection, stored - 1)).toBeGreaterThan(200_000)

    rmSync(ballast)
    expect(await produce(connection)).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: stored })
    expect(await fetchedBytes(connection, stored)).toBeGreaterThan(200_000)
    expect(await broker.stop()).toBe(0)
  },
)
