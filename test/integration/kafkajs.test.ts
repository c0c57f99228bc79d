/** kafkajs 2.2.4 of npm: creates topics, produces keyed records with gzip and headers, asks for offsets, deletes. */
import { Kafka, logLevel, CompressionTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'

let broker: BrokerProcess
let kafka: Kafka
beforeAll(async () => {
  broker = await BrokerProcess.start()
  kafka = new Kafka({ brokers: [broker.bootstrap], clientId: 'kafkajs-test', logLevel: logLevel.NOTHING })
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
})

it('administers topics and sees what it produced', async () => {
  const admin = kafka.admin()
  await admin.connect()
  expect(
    await admin.createTopics({ topics: [{ topic: 'js', numPartitions: 2, replicationFactor: 1 }] }),
  ).toBe(true)
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const messages = Array.from({ length: 100 }, (_, i) => ({
    key: `k${i % 7}`,
    value: `v${i}`,
    headers: { n: String(i) },
  }))
  for (const acks of [-1, 1]) {
    await producer.send({ topic: 'js', acks, compression: CompressionTypes.GZIP, messages })
  }
  await producer.send({ topic: 'js', acks: 0, messages: [{ key: null, value: null, partition: 1 }] })
  await expect.poll(async () => totalOf(await admin.fetchTopicOffsets('js'))).toBe(201)
  await producer.disconnect()
  await admin.deleteTopics({ topics: ['js'] })
  expect(await admin.listTopics()).not.toContain('js')
  await admin.disconnect()
})

function totalOf(offsets: { high: string }[]): number {
  return offsets.reduce((sum, { high }) => sum + Number(high), 0)
}
