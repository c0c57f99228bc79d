import type { Admin, ConfigEntry, TopicDescription } from '@millrace/client'
import { defineCommand } from '../command.ts'
import {
  elrText,
  lagText,
  partitionRows,
  type PartitionRow,
  statePaint,
} from '../partitions/partition-row.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import { paint } from '../output.ts'
import { table } from '../table.ts'
import { formatCount, plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly configs?: true
}

interface DescribedPartition extends Omit<PartitionRow, 'topic'> {
  /** First offset that can be read; null while there is no leader to ask. */
  readonly logStartOffset: number | null
  /** Offset of the next record; null likewise. */
  readonly endOffset: number | null
}

interface DescribedTopic {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  readonly partitions: readonly DescribedPartition[]
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

async function describe(admin: Admin, name: string, allConfigs: boolean): Promise<DescribedTopic> {
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

async function withOffsets(admin: Admin, topic: TopicDescription): Promise<DescribedPartition[]> {
  const led = topic.partitions
    .filter(({ leader }) => leader >= 0)
    .map(({ partition }) => ({ topic: topic.name, partition }))
  const [starts, ends, rows] = await Promise.all([
    admin.listOffsets(led.map((place) => ({ ...place, at: 'beginning' as const }))),
    admin.listOffsets(led.map((place) => ({ ...place, at: 'end' as const }))),
    partitionRows(admin, [topic], [topic.name]),
  ])
  return rows.map(({ topic: _, ...row }) => ({
    ...row,
    logStartOffset: starts.find((found) => found.partition === row.partition)?.offset ?? null,
    endOffset: ends.find((found) => found.partition === row.partition)?.offset ?? null,
  }))
}

function descriptionText({ name, topicId, partitions, configs }: DescribedTopic): string {
  const hasLag = partitions.some(({ lags }) => lags.length > 0)
  const hasElr = partitions.some((each) => elrText(each) !== '')
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
      ...(hasElr ? [{ title: 'ELR' }] : []),
      ...(hasLag ? [{ title: 'LAG' }] : []),
      { title: 'START', align: 'right' },
      { title: 'END', align: 'right' },
      { title: 'STATE' },
    ],
    partitions.map((each) => [
      each.partition,
      each.leader < 0 ? 'none' : each.leader,
      each.leaderEpoch,
      each.replicas.join(','),
      each.isr.join(','),
      ...(hasElr ? [elrText(each)] : []),
      ...(hasLag ? [lagText(each)] : []),
      shown(each.logStartOffset),
      shown(each.endOffset),
      statePaint(each),
    ]),
  )
  if (configs.length === 0) return `${head}\n\n${body}`
  const settings = table(
    [{ title: 'CONFIG' }, { title: 'VALUE' }, { title: 'FROM' }],
    configs.map((entry) => [entry.name, entry.value ?? '(hidden)', entry.source]),
  )
  return `${head}\n\n${body}\n\n${settings}`
}
