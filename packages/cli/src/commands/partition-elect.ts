import type { Admin, ElectionOutcome } from '@millrace/client'
import { CliError, usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { confirm, isInteractive } from '../confirm.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import {
  addSelectionOptions,
  checkSelection,
  selectedPartitions,
  type SelectionOptions,
} from '../partitions/selection.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions, SelectionOptions {
  readonly preferred?: true
  readonly unclean?: true
  readonly yes?: true
}

interface ElectedPartition extends ElectionOutcome {
  readonly leader: number
}

const LOSS = `An unclean election makes a replica the leader that may lack acknowledged records. They are lost for good: replicas that have them are truncated when they come back. Where such a replica can be started again, start it instead.`

export default defineCommand<Options>({
  examples: [
    'millrace partition elect --preferred --all',
    'millrace partition elect --preferred --topic flights --partition 0,2-5',
    'millrace partition elect --unclean --topic flights --partition 3 --yes',
  ],

  configure(command) {
    command
      .option('--preferred', 'the first of the replicas leads again, where it is in sync')
      .option('--unclean', 'where there is no leader, a replica leads that may lack acknowledged records')
      .option('-y, --yes', 'accept that --unclean loses records')
      .addHelpText('after', `\n${LOSS}`)
    addSelectionOptions(command, 'all partitions that need it')
    addConnectionOptions(command)
  },

  async run({ options, output, signal }) {
    const type = electionType(options)
    checkSelection(options)
    if (type === 'unclean' && options.yes !== true) await acceptLoss(options, signal)
    const { withAdmin } = await import('../client-session.ts')
    const partitions = await withAdmin(options, async (admin) => {
      const places = await selectedPartitions(admin, options)
      return await withLeaders(admin, await admin.electLeaders(type, places))
    })
    output.result({ election: type, partitions }, () => outcomeText(type, partitions))
  },
})

function electionType({ preferred, unclean, yes }: Options): 'preferred' | 'unclean' {
  if (preferred === true && unclean === true) throw usageError('--preferred and --unclean exclude each other')
  if (preferred !== true && unclean !== true)
    throw usageError('which election?', 'Give --preferred or --unclean.')
  if (preferred === true && yes === true)
    throw usageError('--yes is for --unclean: a preferred election loses nothing')
  return preferred === true ? 'preferred' : 'unclean'
}

async function acceptLoss(options: Options, signal: AbortSignal): Promise<void> {
  if (!isInteractive()) {
    throw new CliError(
      'CONFIRMATION_REQUIRED',
      'an unclean election loses records',
      `${LOSS} --yes accepts that.`,
      2,
    )
  }
  const of =
    options.topic === undefined
      ? 'all partitions without a leader'
      : `leaderless partitions of ${options.topic}`
  await confirm(
    `${LOSS}\nElect leaders of ${of}, and lose what they lack?`,
    usageError('nothing was elected'),
    signal,
  )
}

async function withLeaders(admin: Admin, outcomes: readonly ElectionOutcome[]): Promise<ElectedPartition[]> {
  const names = [...new Set(outcomes.map(({ topic }) => topic))]
  const topics = new Map((await admin.describeTopics(names)).map((topic) => [topic.name, topic]))
  return outcomes.map((outcome) => ({
    ...outcome,
    leader: topics.get(outcome.topic)?.partitions[outcome.partition]?.leader ?? -1,
  }))
}

function outcomeText(type: string, partitions: readonly ElectedPartition[]): string {
  const elected = partitions.filter((each) => each.elected)
  const spared = partitions.length - elected.length
  const lines = elected.map(({ topic, partition, leader }) => `${topic}-${partition} is led by ${leader} now`)
  if (spared > 0) lines.push(`${plural(spared, 'partition')} needed no ${type} election`)
  return lines.length === 0
    ? `no partition needs ${type === 'unclean' ? 'an' : 'a'} ${type} election`
    : lines.join('\n')
}
