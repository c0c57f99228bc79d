/** Our files are Kafka's files: its own DumpLogSegments reads what a Millrace wrote, and finds every batch valid. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Admin } from '@millrace/client'
import { CompressionType, RecordBatchBuilder } from '@millrace/record'
import { expect, it } from 'vitest'
import { BrokerProcess, root } from '../rig/broker-process.ts'
import { findTool, runTool } from '../rig/tool.ts'
import { RawConnection } from '../rig/raw-connection.ts'

const java = findTool('java', 'openjdk-17-jre-headless')
const batches = 40

function batch(index: number): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 16 })
  for (let i = 0; i < 5; i++)
    builder.tryAppend(1_700_000_000_000 + index * 10 - i, `k${i}`, `value ${index} `.repeat(40))
  return builder.build({ compression: index % 2 === 0 ? CompressionType.none : CompressionType.gzip })
}

it.runIf(java !== null)('DumpLogSegments reads a segment and its indexes', { timeout: 120_000 }, async () => {
  await using broker = await BrokerProcess.start()
  using connection = await RawConnection.open(broker.port, 'kafka')
  const topics = [{ name: 'dumped', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
  await connection.request('CreateTopics', 7, { topics, timeoutMs: 10_000 })
  for (let index = 0; index < batches; index++) {
    const topicData = [{ name: 'dumped', partitionData: [{ index: 0, records: batch(index) }] }]
    await connection.request('Produce', 9, { acks: -1, timeoutMs: 10_000, topicData })
  }
  await broker.stop()
  expect(spawnSync(join(root, 'scripts/kafka'), ['setup'], { stdio: 'inherit' }).status).toBe(0)

  const segment = join(broker.data, 'dumped-0', '00000000000000000000')
  const log = await runTool(join(root, 'scripts/kafka'), ['dump', `${segment}.log`])
  expect(log.code, log.stderr).toBe(0)
  expect(log.stdout.toString().match(/isvalid: true/g)).toHaveLength(batches)
  expect(log.stdout.toString()).toContain(`lastOffset: ${batches * 5 - 1} `)

  const indexes = await runTool(join(root, 'scripts/kafka'), [
    'dump',
    `${segment}.index`,
    `${segment}.timeindex`,
  ])
  expect(indexes.code, indexes.stderr).toBe(0)
  expect(indexes.stdout.toString()).toMatch(/offset: \d+ position: \d+/)
  expect(indexes.stdout.toString()).not.toMatch(/mismatch|corrupt|out of order/i)
})

it.runIf(java !== null)(
  'DumpLogSegments reads the metadata log and its snapshots',
  { timeout: 120_000 },
  async () => {
    await using broker = await BrokerProcess.start({
      config: { 'metadata.log.max.record.bytes.between.snapshots': 1000 },
    })
    await using admin = new Admin({ bootstrap: broker.bootstrap })
    const names = Array.from({ length: 20 }, (_, i) => `metadata-${i}`)
    for (const name of names)
      await admin.createTopics([{ name, partitions: 2, configs: { 'retention.ms': '1000' } }])
    await broker.stop()
    expect(spawnSync(join(root, 'scripts/kafka'), ['setup'], { stdio: 'inherit' }).status).toBe(0)

    const folder = join(broker.data, '__cluster_metadata-0')
    const snapshot = readdirSync(folder).find((name) => name.endsWith('.checkpoint'))
    const dump = await runTool(join(root, 'scripts/kafka'), ['dump-metadata', join(folder, snapshot!)])
    expect(dump.code, dump.stderr).toBe(0)
    const text = dump.stdout.toString()
    for (const record of ['SnapshotHeader', 'KRaftVersion', 'KRaftVoters', 'SnapshotFooter']) {
      expect(text).toContain(record)
    }
    expect(text).toContain('{"type":"TOPIC_RECORD","version":0,"data":{"name":"metadata-0"')
    expect(text).not.toMatch(/isvalid: false|Could not read/i)

    const segments = readdirSync(folder).filter((name) => name.endsWith('.log'))
    const log = await runTool(join(root, 'scripts/kafka'), [
      'dump-metadata',
      ...segments.map((name) => join(folder, name)),
    ])
    expect(log.code, log.stderr).toBe(0)
    for (const name of names) expect(log.stdout.toString() + text).toContain(`"name":"${name}"`)
    expect(log.stdout.toString()).not.toMatch(/isvalid: false|Could not read/i)
  },
)
