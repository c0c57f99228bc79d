/** A producer against fake brokers in virtual time. */
import { Producer } from '@millrace/producer-client'
import type { ProducerOptions } from '@millrace/producer-client'
import { readRecords } from '@millrace/record'
import { FakeCluster } from '../../client/test/fake/fake-cluster.ts'

export interface ProducerRig {
  readonly cluster: FakeCluster
  readonly producer: Producer
}

export async function producerRig(
  options: Partial<ProducerOptions> = {},
  { partitions = 1, brokers = 1 } = {},
): Promise<ProducerRig> {
  const cluster = await FakeCluster.start(brokers)
  if (partitions > 0) cluster.createTopic('flights', partitions)
  const producer = new Producer({ bootstrap: cluster.bootstrap, env: cluster.env, ...options })
  return { cluster, producer }
}

/** Values in a partition's log, by offset. */
export function storedValues(cluster: FakeCluster, partition = 0, topic = 'flights'): string[] {
  return cluster.partition(topic, partition).batches.flatMap(({ bytes }) => valuesOf(bytes))
}

function valuesOf(batch: Buffer): string[] {
  const records = readRecords(batch, { maxDecompressedBytes: 1e9 })
  if ('kind' in records) throw new Error(records.message)
  return [...records].map((record) => record.valueText() ?? 'null')
}

/** Record counts of the batches that arrived at the brokers, in order. */
export function batchSizes(cluster: FakeCluster): number[] {
  return cluster
    .requests('Produce')
    .flatMap(({ topicData }) =>
      topicData.flatMap(({ partitionData }) => partitionData.map(({ records }) => valuesOf(records!).length)),
    )
}
