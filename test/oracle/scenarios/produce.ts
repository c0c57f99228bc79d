import { CompressionType } from '@millrace/record'
import {
  batchOf,
  createTopic,
  errorName,
  firstTimestamp,
  listOffset,
  produce,
  scenario,
} from '../scenario.ts'

export const producing = [
  scenario('offsets follow each other', async (world) => {
    const topic = await createTopic(world, 'offsets')
    return [
      await produce(world, topic, batchOf([{ value: 'a' }])),
      await produce(world, topic, batchOf([{ value: 'b' }, { value: 'c' }])),
      await produce(world, topic, batchOf([{ value: 'd' }]), { acks: 1 }),
    ]
  }),
  scenario('a topic that does not exist', async (world) =>
    produce(world, world.topicName('nowhere'), batchOf([{ value: 'a' }])),
  ),
  scenario('a partition that does not exist', async (world) => {
    const topic = await createTopic(world, 'one')
    return produce(world, topic, batchOf([{ value: 'a' }]), { partition: 7 })
  }),
  scenario('acks of 2', async (world) => {
    const topic = await createTopic(world, 'acks')
    return produce(world, topic, batchOf([{ value: 'a' }]), { acks: 2 })
  }),
  scenario('a wrong CRC', async (world) => {
    const topic = await createTopic(world, 'crc')
    const records = batchOf([{ value: 'a' }])
    records[records.length - 2]! ^= 1
    return produce(world, topic, records)
  }),
  scenario('a batch above max.message.bytes', async (world) => {
    const topic = await createTopic(world, 'large', { configs: { 'max.message.bytes': '2000' } })
    return [
      await produce(world, topic, batchOf([{ value: 'x'.repeat(1500) }])),
      await produce(world, topic, batchOf([{ value: 'x'.repeat(2500) }])),
    ]
  }),
  scenario('null and empty keys and values', async (world) => {
    const topic = await createTopic(world, 'nulls')
    return produce(world, topic, batchOf([{ value: null }, { key: '', value: '' }]))
  }),
  scenario('a record without key into a compacted topic', async (world) => {
    const topic = await createTopic(world, 'compacted', { configs: { 'cleanup.policy': 'compact' } })
    return [
      await produce(world, topic, batchOf([{ key: 'k', value: 'v' }])),
      await produce(world, topic, batchOf([{ key: 'k', value: 'v' }, { value: 'v' }])),
    ]
  }),
  scenario('log append time', async (world) => {
    const topic = await createTopic(world, 'appended', {
      configs: { 'message.timestamp.type': 'LogAppendTime' },
    })
    const answer = await produce(world, topic, batchOf([{ value: 'a' }]))
    const found = (await listOffset(world, topic, firstTimestamp + 1)) as {
      offset: number
      timestamp: number
    }
    return { answer, offset: found.offset, later: found.timestamp > firstTimestamp }
  }),
  scenario('a timestamp too far in the future', async (world) => {
    const topic = await createTopic(world, 'future', {
      configs: { 'message.timestamp.after.max.ms': '60000' },
    })
    return produce(world, topic, batchOf([{ value: 'a', timestamp: Date.now() + 3_600_000 }]))
  }),
  scenario('a timestamp too old', async (world) => {
    const topic = await createTopic(world, 'past', {
      configs: { 'message.timestamp.before.max.ms': '60000' },
    })
    return produce(world, topic, batchOf([{ value: 'a' }]))
  }),
  scenario('a control batch from a client', async (world) => {
    const topic = await createTopic(world, 'control')
    return produce(world, topic, batchOf([{ key: '\0\0\0\0', value: '\0\0\0\0\0\0' }], { isControl: true }))
  }),
  scenario('no records at all', async (world) => {
    const topic = await createTopic(world, 'nothing')
    return produce(world, topic, Buffer.alloc(0))
  }),
  scenario('two batches for one partition', async (world) => {
    const topic = await createTopic(world, 'pair')
    return produce(world, topic, Buffer.concat([batchOf([{ value: 'a' }]), batchOf([{ value: 'b' }])]))
  }),
  ...[1, -1, -100_000].map((change) =>
    scenario(`a batch whose length field is wrong by ${change}`, async (world) => {
      const topic = await createTopic(world, 'length')
      const records = Buffer.from(batchOf([{ value: 'a' }]))
      records.writeInt32BE(records.readInt32BE(8) + change, 8)
      return produce(world, topic, records)
    }),
  ),
  ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).map((compression) =>
    scenario(`a batch compressed with ${compression}`, async (world) => {
      const topic = await createTopic(world, compression)
      const records = Array.from({ length: 50 }, (_, i) => ({ value: `value ${i}` }))
      return [
        await produce(world, topic, batchOf(records, { compression: CompressionType[compression] })),
        await listOffset(world, topic, -1),
      ]
    }),
  ),
  scenario('acks of 0 gets no answer, and the next request does', async (world) => {
    const topic = await createTopic(world, 'silent')
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: batchOf([{ value: 'a' }]) }] }]
    const body = { transactionalId: null, acks: 0, timeoutMs: 1000, topicData }
    world.connection.send(world.connection.encode('Produce', 9, body))
    return listOffset(world, topic, -2)
  }),
  scenario('several partitions in one request are answered each', async (world) => {
    const topic = await createTopic(world, 'several', { partitions: 2 })
    const partitionData = [0, 1, 2].map((index) => ({ index, records: batchOf([{ value: `p${index}` }]) }))
    const body = {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData }],
    }
    const response = await world.connection.request('Produce', 9, body)
    const answers = response.responses[0]!.partitionResponses.map(({ index, errorCode, baseOffset }) => ({
      index,
      error: errorName(errorCode),
      baseOffset,
    }))
    return answers.sort((a, b) => a.index - b.index)
  }),
]
