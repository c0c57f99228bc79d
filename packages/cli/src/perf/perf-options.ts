/** Options that the measurements share, and the topic that they run against. */
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import { withAdmin } from '../client-session.ts'
import { type ConnectionOptions, integer } from '../options.ts'

export interface PerfOptions extends ConnectionOptions {
  readonly brokerPid?: number
  readonly createPartitions?: number
}

export function addPerfOptions(command: Command): Command {
  return command
    .option(
      '--create-partitions <count>',
      'create the topic with so many partitions when it is missing',
      integer(1, 100_000),
    )
    .option('--broker-pid <pid>', 'report CPU seconds of this process as well', integer(1))
}

/** @throws CliError when the topic is missing and was not to be created */
export async function ensureTopic(name: string, options: PerfOptions): Promise<void> {
  await withAdmin(options, async (admin) => {
    const topics = await admin.listTopics()
    if (topics.some((topic) => topic.name === name)) return
    if (options.createPartitions === undefined) {
      throw new CliError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `topic ${name} does not exist`,
        'Add --create-partitions 2 to create it.',
      )
    }
    await admin.createTopics([{ name, partitions: options.createPartitions }])
  })
}
