/** Which partitions a command is about: `--topic T --partition 0,2-5`, or `--all`. */
import { type Command, Option } from 'commander'
import type { Admin } from '@millrace/client'
import { CliError, usageError } from '../cli-error.ts'
import { partitionList } from '../options.ts'
import { plural } from '../units.ts'

export interface SelectionOptions {
  readonly topic?: string
  readonly partition?: readonly number[]
  readonly all?: true
}

export interface Place {
  readonly topic: string
  readonly partition: number
}

export function addSelectionOptions(command: Command, all: string): Command {
  return command
    .option('--topic <name>', 'topic of the partitions')
    .addOption(
      new Option('--partition <list>', 'partitions of the topic, such as 0,2-5; all when left out').argParser(
        partitionList,
      ),
    )
    .option('--all', all)
}

/** @throws CliError unless exactly one way of selecting is used */
export function checkSelection({ topic, partition, all }: SelectionOptions): void {
  if (topic === undefined && all === undefined)
    throw usageError('no partitions named', 'Give --topic or --all.')
  if (topic !== undefined && all === true) throw usageError('--topic and --all exclude each other')
  if (partition !== undefined && topic === undefined) {
    throw usageError('--partition without --topic', 'Give the topic of the partitions.')
  }
}

/** @returns null for all partitions of the cluster */
export async function selectedPartitions(admin: Admin, selection: SelectionOptions): Promise<Place[] | null> {
  const { topic, partition } = selection
  if (topic === undefined) return null
  const [description] = await admin.describeTopics([topic])
  const count = description!.partitions.length
  const missing = partition?.find((index) => index >= count)
  if (missing !== undefined) {
    throw new CliError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `topic ${topic} has no partition ${missing}`,
      `It has ${plural(count, 'partition')}, numbered from 0.`,
    )
  }
  const indexes = partition ?? description!.partitions.map((each) => each.partition)
  return indexes.map((index) => ({ topic, partition: index }))
}
