import { type LeaderEpoch, type NodeId, type Offset, type TimestampMs, type Uuid } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import { RecordBatchBuilder, RecordBatchView } from '@millrace/record'
import { expect, test } from 'vitest'
import { decodeMetadataBatches, encodeMetadataBatch } from '../src/metadata-batch.ts'

const bytes = (...hex: string[]) => Buffer.from(hex.join('').replaceAll(/\s/g, ''), 'hex')
const uuid = (hex: string) => bytes(hex).toString('base64url') as Uuid

/** Two batches of a metadata log that Apache Kafka 3.x wrote, checksums included. */
const featureBatch = bytes(
  '0000000000000001 0000004f 00000001 02 b069457c 0000 00000000 00000191e05af818 00000191e05af818',
  'ffffffffffffffff ffff ffffffff 00000001',
  '3a 00 00 00 01 2e 010c00 11 6d657461646174612e76657273696f6e 0014 00 00',
)
const topicBatch = bytes(
  '0000000000000002 0000009a 00000001 02 964acd2f 0000 00000001 00000191e05b2d15 00000191e05b2d15',
  'ffffffffffffffff ffff ffffffff 00000002',
  '3c 00 00 00 01 30 010200 04 62617a 00000000000040008000000000000086 00 00',
  '9001 00 00 02 01 8201 010301 00000000 00000000000040008000000000000086 02 00000001 02 00000001 01 01',
  '00000001 00000000 00000000 02 10000000000040008000000000000001 00 00',
)

const node = 1 as NodeId
const topicId = uuid('00000000000040008000000000000086')
const feature = metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 20 })
const topic = metadataRecord('TopicRecord', { name: 'baz', topicId })
const partition = metadataRecord('PartitionRecord', {
  partitionId: 0,
  topicId,
  replicas: [node],
  isr: [node],
  removingReplicas: [],
  addingReplicas: [],
  leader: node,
  leaderEpoch: 0 as LeaderEpoch,
  partitionEpoch: 0,
  directories: [uuid('10000000000040008000000000000001')],
})

test("Kafka's own batches are read", () => {
  expect([...decodeMetadataBatches(Buffer.concat([featureBatch, topicBatch]))]).toEqual([
    {
      baseOffset: 1,
      lastOffset: 1,
      epoch: 1,
      timestampMs: 0x191e05af818,
      sizeInBytes: 91,
      records: [feature],
      control: [],
    },
    {
      baseOffset: 2,
      lastOffset: 3,
      epoch: 1,
      timestampMs: 0x191e05b2d15,
      sizeInBytes: 166,
      records: [topic, partition],
      control: [],
    },
  ])
})

test("the same record becomes Kafka's bytes, once the log has stamped offset and epoch", () => {
  const batch = encodeMetadataBatch([feature], 0x191e05af818 as TimestampMs)
  const view = new RecordBatchView(batch)
  view.stampBaseOffset(1 as Offset)
  view.stampLeaderEpoch(1 as LeaderEpoch)
  expect(batch.toString('hex')).toBe(featureBatch.toString('hex'))
})

test('a control batch of the quorum takes its offset and changes no metadata', () => {
  const builder = new RecordBatchBuilder({ maxBytes: 1024 })
  builder.tryAppend(5, Buffer.from([0, 0, 0, 2]), Buffer.from([0, 1]))
  const control = builder.build({
    isControl: true,
    baseOffset: 9 as Offset,
    partitionLeaderEpoch: 3 as LeaderEpoch,
  })
  expect([...decodeMetadataBatches(control)]).toEqual([
    { baseOffset: 9, lastOffset: 9, epoch: 3, timestampMs: 5, sizeInBytes: 74, records: [], control: [] },
  ])
})

test('reading ends at the first bad batch, and says where and why', () => {
  const damaged = Buffer.concat([featureBatch, topicBatch, featureBatch])
  damaged[featureBatch.length + 100]! ^= 1
  const read = [...decodeMetadataBatches(damaged)]
  expect(read.length).toBe(2)
  expect(read[1]).toMatchObject({ kind: 'bad-batch', offset: 2, reason: expect.stringContaining('checksum') })

  const builder = new RecordBatchBuilder({ maxBytes: 1024 })
  builder.tryAppend(5, null, bytes('01 63 00 00'))
  const unknown = builder.build({ baseOffset: 4 as Offset })
  expect([...decodeMetadataBatches(unknown)]).toMatchObject([
    { kind: 'bad-batch', offset: 4, reason: 'record key 99 is unknown' },
  ])
})
