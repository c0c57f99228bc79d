/** The producer as commands use it: its options, opened and closed, its errors made readable. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type { Producer } from '@millrace/producer-client'
import { clientOptions, withClientErrors } from './client-session.ts'
import { type ConnectionOptions, integer } from './options.ts'

export interface ProducerCommandOptions extends ConnectionOptions {
  readonly acks: '0' | '1' | 'all'
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly lingerMs: number
}

export function addProducerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--acks <acks>',
        'when a record counts as stored: all in-sync replicas, the leader (1), or unasked (0)',
      )
        .choices(['all', '1', '0'])
        .default('all'),
    )
    .addOption(
      new Option('--compression <codec>', 'how batches are compressed')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .option('--linger-ms <ms>', 'how long a record waits for company in its batch', integer(0, 60_000), 5)
}

/** Reaches the cluster first, so that a wrong address is an error at once. @throws CliError */
export async function withProducer<Result>(
  options: ProducerCommandOptions,
  work: (producer: Producer) => Promise<Result>,
): Promise<Result> {
  const { Producer } = await import('@millrace/producer-client')
  return await withClientErrors(options, async () => {
    const { connectTimeoutMs, ...client } = clientOptions(options)
    await using producer = new Producer({
      ...client,
      connectTimeoutMs,
      acks: options.acks === 'all' ? 'all' : (Number(options.acks) as 0 | 1),
      compression: options.compression,
      lingerMs: options.lingerMs,
      deliveryTimeoutMs: options.timeout,
      maxBlockMs: options.timeout,
    })
    await producer.connect({ timeoutMs: connectTimeoutMs })
    return await work(producer)
  })
}
