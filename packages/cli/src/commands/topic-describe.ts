import type { Admin, ConfigEntry, TopicMetadata } from '@millrace/client'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import { paint } from '../output.ts'
import { table } from '../table.ts'
import { formatCount, plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly configs?: true
}

interface PartitionDescription {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** First offset that can be read; null while there is no leader to ask. */
  readonly logStartOffset: number | null
  /** Offset of the next record; null likewise. */
  readonly endOffset: number | null
}

interface TopicDescription {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly PartitionDescription[]
  /** Those that differ from the default, or all with --configs. */
  readonly configs: readonly Pick<ConfigEntry, 'name' | 'value' | 'source'>[]
}

export default defineCommand<Options>({
  examples: ['millrace topic describe flights', 'millrace topic describe flights --configs --output json'],

  configure(command) {
    command
      .argument('<name>', 'name of the topic')
      .option('--configs', 'show all configuration, not only what differs from the default')
    addConnectionOptions(command)
  },

  async run({ args: [name = ''], options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const description = await withAdmin(options, (admin) => describe(admin, name, options.configs === true))
    output.result(description, () => descriptionText(description))
  },
})

async function describe(admin: Admin, name: string, allConfigs: boolean): Promise<TopicDescription> {
  const [topics, [resource]] = await Promise.all([
    admin.describeTopics([name]),
    admin.describeConfigs([{ type: 'topic', name }]),
  ])
  const topic = topics[0]!
  const configs = resource!.configs.filter(({ source }) => allConfigs || source === 'dynamic-topic')
  return {
    name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: await withOffsets(admin, topic),
    configs: configs.map((entry) => ({ name: entry.name, value: entry.value, source: entry.source })),
  }
}

async function withOffsets(admin: Admin, topic: TopicMetadata): Promise<PartitionDescription[]> {
  const led = topic.partitions
    .filter(({ leader }) => leader >= 0)
    .map(({ partition }) => ({ topic: topic.name, partition }))
  const [starts, ends] = await Promise.all([
    admin.listOffsets(led.map((place) => ({ ...place, at: 'beginning' as const }))),
    admin.listOffsets(led.map((place) => ({ ...place, at: 'end' as const }))),
  ])
  return topic.partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
    partition,
    leader,
    leaderEpoch,
    replicas,
    isr,
    logStartOffset: starts.find((found) => found.partition === partition)?.offset ?? null,
    endOffset: ends.find((found) => found.partition === partition)?.offset ?? null,
  }))
}

function descriptionText({ name, topicId, partitions, configs }: TopicDescription): string {
  const records = partitions.reduce(
    (sum, each) => sum + ((each.endOffset ?? 0) - (each.logStartOffset ?? 0)),
    0,
  )
  const shown = (offset: number | null): string => (offset === null ? '?' : formatCount(offset))
  const head = `${paint('bold', name)}  ${plural(partitions.length, 'partition')}, up to ${plural(records, 'record')}, id ${topicId}`
  const body = table(
    [
      { title: 'PARTITION', align: 'right' },
      { title: 'LEADER', align: 'right' },
      { title: 'EPOCH', align: 'right' },
      { title: 'REPLICAS' },
      { title: 'ISR' },
      { title: 'START', align: 'right' },
      { title: 'END', align: 'right' },
    ],
    partitions.map((each) => [
      each.partition,
      each.leader < 0 ? 'none' : each.leader,
      each.leaderEpoch,
      each.replicas.join(','),
      each.isr.join(','),
      shown(each.logStartOffset),
      shown(each.endOffset),
    ]),
  )
  if (configs.length === 0) return `${head}\n\n${body}`
  const settings = table(
    [{ title: 'CONFIG' }, { title: 'VALUE' }, { title: 'FROM' }],
    configs.map((entry) => [entry.name, entry.value ?? '(hidden)', entry.source]),
  )
  return `${head}\n\n${body}\n\n${settings}`
}
