/** The consumer as commands use it: opened and closed, its errors made readable. */
import type { Consumer } from '@millrace/consumer-client'
import { clientOptions, withClientErrors } from './client-session.ts'
import type { ConnectionOptions } from './options.ts'

/** Reaches the cluster first, so that a wrong address is an error at once. @throws CliError */
export async function withConsumer<Result>(
  options: ConnectionOptions,
  work: (consumer: Consumer) => Promise<Result>,
): Promise<Result> {
  const { Consumer } = await import('@millrace/consumer-client')
  return await withClientErrors(options, async () => {
    const { connectTimeoutMs, ...client } = clientOptions(options)
    await using consumer = new Consumer({ ...client, connectTimeoutMs })
    await consumer.connect({ timeoutMs: connectTimeoutMs })
    return await work(consumer)
  })
}
