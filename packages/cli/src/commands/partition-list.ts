import { defineCommand } from '../command.ts'
import { describeAllTopics } from '../hosted-partitions.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import {
  elrText,
  lagText,
  partitionRows,
  type PartitionRow,
  statePaint,
} from '../partitions/partition-row.ts'
import { table } from '../table.ts'

interface Options extends ConnectionOptions {
  readonly underReplicated?: true
  readonly leaderless?: true
  readonly moving?: true
}

export default defineCommand<Options>({
  examples: [
    'millrace partition list',
    'millrace partition list flights audit',
    'millrace partition list --under-replicated --output json',
  ],

  configure(command) {
    command
      .argument('[topic...]', 'topics whose partitions to list; all when left out')
      .option('--under-replicated', 'only partitions with fewer replicas in sync than they are to have')
      .option('--leaderless', 'only partitions without a leader')
      .option('--moving', 'only partitions that are on their way to other brokers')
    addConnectionOptions(command)
  },

  async run({ args: names, options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const all = await withAdmin(options, async (admin) => {
      const topics = names.length > 0 ? await admin.describeTopics(names) : await describeAllTopics(admin)
      return await partitionRows(admin, topics, names.length > 0 ? names : null)
    })
    const partitions = all.filter((row) => isWanted(row, options))
    if (partitions.length === 0) output.note(nothingFound(all.length, options))
    if (partitions.length === 0 && output.format === 'text') return
    output.result({ partitions }, () => rowsText(partitions))
  },
})

/** Filters add up: what any of them asks for is listed. */
function isWanted(row: PartitionRow, { underReplicated, leaderless, moving }: Options): boolean {
  if (underReplicated === undefined && leaderless === undefined && moving === undefined) return true
  return (
    (underReplicated === true && row.isUnderReplicated) ||
    (leaderless === true && row.leader < 0) ||
    (moving === true && row.addingReplicas.length + row.removingReplicas.length > 0)
  )
}

function nothingFound(count: number, { underReplicated, leaderless, moving }: Options): string {
  if (count === 0) return 'no partitions yet; create a topic with `millrace topic create NAME --partitions N`'
  const sorts = [
    ...(underReplicated === true ? ['under-replicated'] : []),
    ...(leaderless === true ? ['without a leader'] : []),
    ...(moving === true ? ['moving'] : []),
  ]
  return `none of ${count === 1 ? 'one partition' : `${count} partitions`} is ${sorts.join(' or ')}`
}

function rowsText(rows: readonly PartitionRow[]): string {
  // Rarely anybody is eligible and not in sync.
  const hasElr = rows.some((row) => elrText(row) !== '')
  const hasLag = rows.some(({ lags }) => lags.length > 0)
  return table(
    [
      { title: 'TOPIC' },
      { title: 'PARTITION', align: 'right' },
      { title: 'LEADER', align: 'right' },
      { title: 'REPLICAS' },
      { title: 'ISR' },
      ...(hasElr ? [{ title: 'ELR' }] : []),
      ...(hasLag ? [{ title: 'LAG' }] : []),
      { title: 'STATE' },
    ],
    rows.map((row) => [
      row.topic,
      row.partition,
      row.leader < 0 ? 'none' : row.leader,
      row.replicas.join(','),
      row.isr.join(','),
      ...(hasElr ? [elrText(row)] : []),
      ...(hasLag ? [lagText(row)] : []),
      statePaint(row),
    ]),
  )
}
