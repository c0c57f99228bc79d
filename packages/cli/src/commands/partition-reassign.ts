import { type Command, InvalidArgumentError } from 'commander'
import type { Admin, OngoingReassignment } from '@millrace/client'
import { usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import { readReassignments, type Reassignment } from '../partitions/reassignment-file.ts'
import {
  addSelectionOptions,
  checkSelection,
  type Place,
  selectedPartitions,
  type SelectionOptions,
} from '../partitions/selection.ts'
import { watchReassignments } from '../partitions/watched-run.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions, SelectionOptions {
  readonly replicas?: readonly number[]
  readonly file?: string
  readonly cancel?: true
  readonly wait?: true
  readonly concurrency: number
}

export default defineCommand<Options>({
  examples: [
    'millrace partition reassign --topic flights --partition 0 --replicas 1,2,3 --wait',
    'millrace partition reassign --file plan.json',
    'millrace partition reassign --cancel --topic flights',
  ],

  configure(command: Command) {
    command
      .option(
        '--replicas <ids>',
        'brokers that are to have the partitions, the preferred leader first',
        brokerIds,
      )
      .option('--file <path>', "Kafka's JSON of reassignments, in place of --topic and --replicas")
      .option('--cancel', 'call off what is going on: the partitions stay where they were')
      .option('--wait', 'show the progress, and end when all is copied')
      .option('--concurrency <n>', 'partitions that move at a time with --wait', integer(1, 100_000), 50)
    addSelectionOptions(command, 'with --cancel: all that are moving')
    addConnectionOptions(command)
  },

  interruptible: true,

  async run({ options, output, signal }) {
    checkOptions(options)
    const { withAdmin } = await import('../client-session.ts')
    if (options.cancel === true) {
      const cancelled = await withAdmin(options, (admin) => cancel(admin, options))
      output.result({ cancelled }, () => cancelledText(cancelled))
      return
    }
    const moves = await withAdmin(options, async (admin) => {
      const planned = await plannedMoves(admin, options)
      const { concurrency } = options
      if (options.wait === true) {
        await watchReassignments(admin, planned, { label: 'reassign', concurrency, output, signal })
      } else await admin.alterPartitionReassignments(planned)
      return planned
    })
    const completed = options.wait === true
    output.result({ reassigned: moves, completed }, () => movesText(moves, completed))
    if (!completed)
      output.note('It goes on in the cluster: `millrace partition list --moving` shows how far it is.')
  },
})

function brokerIds(text: string): number[] {
  const ids = text.split(',').map(Number)
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError('Give broker ids as 1,2,3.')
  if (new Set(ids).size < ids.length) throw new InvalidArgumentError('Name each broker once.')
  return ids
}

function checkOptions(options: Options): void {
  const { file, topic, replicas, cancel: cancels, all, wait } = options
  if (cancels === true) {
    if (replicas !== undefined) throw usageError('--cancel takes no --replicas')
    if (wait === true) throw usageError('--cancel is done at once: there is nothing to --wait for')
    if (file === undefined) checkSelection(options)
    return
  }
  if (all === true) throw usageError('--all is for --cancel only')
  if (file !== undefined && (topic !== undefined || replicas !== undefined)) {
    throw usageError('--file takes the place of --topic and --replicas')
  }
  if (file !== undefined) return
  if (topic === undefined || replicas === undefined) {
    throw usageError('nothing to reassign', 'Give --topic with --replicas, or --file.')
  }
}

async function plannedMoves(admin: Admin, options: Options): Promise<Reassignment[]> {
  if (options.file !== undefined) return readReassignments(options.file)
  const { replicas = [] } = options
  const places = (await selectedPartitions(admin, options)) ?? []
  return places.map((place) => ({ ...place, replicas }))
}

/** Only what is moving: the others would be refused. */
async function cancel(admin: Admin, options: Options): Promise<Place[]> {
  const places =
    options.file === undefined ? await selectedPartitions(admin, options) : readReassignments(options.file)
  const ongoing = await admin.listPartitionReassignments(places)
  const moving = ongoing.map(({ topic, partition }: OngoingReassignment) => ({ topic, partition }))
  await admin.alterPartitionReassignments(moving.map((place) => ({ ...place, replicas: null })))
  return moving
}

function cancelledText(cancelled: readonly Place[]): string {
  if (cancelled.length === 0) return 'none of the partitions is moving'
  return cancelled.map(({ topic, partition }) => `${topic}-${partition} stays where it was`).join('\n')
}

const LISTED_MAX = 20

function movesText(moves: readonly Reassignment[], completed: boolean): string {
  const verb = completed ? 'is on' : 'moves to'
  const lines = moves
    .slice(0, LISTED_MAX)
    .map(({ topic, partition, replicas }) => `${topic}-${partition} ${verb} ${replicas.join(', ')}`)
  const others = moves.length - LISTED_MAX
  return others > 0 ? [...lines, `and ${plural(others, 'partition')} more`].join('\n') : lines.join('\n')
}
