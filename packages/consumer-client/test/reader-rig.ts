/** A consumer against fake brokers in virtual time, and batches to put into their logs. */
import { Consumer } from '@millrace/consumer-client'
import type { ConsumerOptions } from '@millrace/consumer-client'
import { CompressionType, RecordBatchBuilder } from '@millrace/record'
import type { CompressionName } from '@millrace/record'
import { FakeCluster } from '../../client/test/fake/fake-cluster.ts'

export interface ReaderRig {
  readonly cluster: FakeCluster
  readonly consumer: Consumer
}

export async function readerRig(
  options: Partial<ConsumerOptions> = {},
  { partitions = 1, brokers = 1 } = {},
): Promise<ReaderRig> {
  const cluster = await FakeCluster.start(brokers)
  if (partitions > 0) cluster.createTopic('flights', partitions)
  const consumer = new Consumer({ bootstrap: cluster.bootstrap, env: cluster.env, ...options })
  return { cluster, consumer }
}

export interface BatchShape {
  readonly compression?: CompressionName
  readonly isControl?: boolean
  readonly timestamp?: number
}

export function batchOf(
  values: readonly string[],
  { compression = 'none', isControl = false, timestamp = 0 }: BatchShape = {},
): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1e7 })
  values.forEach((value, index) => builder.tryAppend(timestamp + index, value, value))
  return Buffer.from(builder.build({ compression: CompressionType[compression], isControl }))
}

export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index))

/** Batches of ten records, `0` … `count − 1`, so that values are offsets. */
export function fill(cluster: FakeCluster, count: number, partition = 0): void {
  const log = cluster.partition('flights', partition)
  for (let from = 0; from < count; from += 10)
    log.append(batchOf(numbers(from, Math.min(from + 10, count)), { timestamp: from }))
}

/** Takes `count` values out of an iterator. */
export async function take(
  iterator: AsyncIterator<{ readonly value: Buffer | null }>,
  count: number,
): Promise<string[]> {
  const values: string[] = []
  while (values.length < count) {
    const { done, value } = await iterator.next()
    if (done === true) break
    values.push(value.value!.toString())
  }
  return values
}

export async function all(messages: AsyncIterable<{ readonly value: Buffer | null }>): Promise<string[]> {
  const values: string[] = []
  for await (const { value } of messages) values.push(value!.toString())
  return values
}
