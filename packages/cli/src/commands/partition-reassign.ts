import { type Command, InvalidArgumentError } from 'commander'
import type { Admin } from '@millrace/client'
import { usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, byteRate, type ConnectionOptions, integer } from '../options.ts'
import type { Output } from '../output.ts'
import { readReassignments, type Reassignment } from '../partitions/reassignment-file.ts'
import {
  reassignmentStates,
  statesText,
  throttlesText,
  type VerifiedPlace,
} from '../partitions/reassignment-state.ts'
import { type ClearedThrottles, clearThrottles, setThrottles } from '../partitions/reassignment-throttle.ts'
import {
  addSelectionOptions,
  checkSelection,
  type Place,
  selectedPartitions,
  type SelectionOptions,
} from '../partitions/selection.ts'
import { watchReassignments } from '../partitions/watched-run.ts'
import { formatBytes, idList, plural } from '../units.ts'

interface Options extends ConnectionOptions, SelectionOptions {
  readonly replicas?: readonly number[]
  readonly file?: string
  readonly cancel?: true
  readonly verify?: true
  readonly wait?: true
  readonly concurrency: number
  readonly throttle?: number
}

const THROTTLE = `--throttle holds only those back that copy, not replicas in sync, but what these replicate of the same partitions counts: give more than is produced to them. Call the command again with another rate to change it. The throttle goes with --wait when all is copied, with --cancel, or by --verify.`

export default defineCommand<Options>({
  examples: [
    'millrace partition reassign --topic flights --partition 0 --replicas 1,2,3 --wait',
    'millrace partition reassign --file plan.json --throttle 20MB',
    'millrace partition reassign --file plan.json --verify',
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
      .option('--verify', 'say how far it is, and remove the throttles of what has ended')
      .option('--wait', 'show the progress, and end when all is copied')
      .option('--concurrency <n>', 'partitions that move at a time with --wait', integer(1, 100_000), 50)
      .option('--throttle <bytes>', 'most bytes a second of each broker for copying, such as 20MB', byteRate)
      .addHelpText('after', `\n${THROTTLE}`)
    addSelectionOptions(command, 'with --cancel: all that are moving; with --verify: all partitions')
    addConnectionOptions(command)
  },

  interruptible: true,

  async run({ options, output, signal }) {
    checkOptions(options)
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, async (admin) => {
      if (options.cancel === true) return await cancel(admin, options, output)
      if (options.verify === true) return await verify(admin, options, output)
      return await reassign(admin, options, output, signal)
    })
  },
})

function brokerIds(text: string): number[] {
  const ids = text.split(',').map(Number)
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError('Give broker ids as 1,2,3.')
  if (new Set(ids).size < ids.length) throw new InvalidArgumentError('Name each broker once.')
  return ids
}

function checkOptions(options: Options): void {
  const { file, topic, replicas, cancel: cancels, verify: verifies, all } = options
  if (file !== undefined && (topic !== undefined || replicas !== undefined)) {
    throw usageError('--file takes the place of --topic and --replicas')
  }
  if (cancels === true || verifies === true) {
    checkFollowUp(options)
    return
  }
  if (all === true) throw usageError('--all is for --cancel and --verify only')
  if (file !== undefined) return
  if (topic === undefined || replicas === undefined) {
    throw usageError('nothing to reassign', 'Give --topic with --replicas, or --file.')
  }
}

/** Of a reassignment that was begun before. */
function checkFollowUp(options: Options): void {
  const { file, topic, replicas, cancel: cancels, verify: verifies, wait, throttle } = options
  if (cancels === true && verifies === true) throw usageError('--cancel and --verify exclude each other')
  const name = cancels === true ? '--cancel' : '--verify'
  if (cancels === true && replicas !== undefined) throw usageError('--cancel takes no --replicas')
  if (replicas !== undefined && topic === undefined) throw usageError('--replicas without --topic')
  if (wait === true) throw usageError(`${name} is done at once: there is nothing to --wait for`)
  if (throttle !== undefined) throw usageError(`${name} removes throttles, and takes no --throttle`)
  if (file === undefined) checkSelection(options)
}

async function reassign(admin: Admin, options: Options, output: Output, signal: AbortSignal): Promise<void> {
  const { concurrency, throttle, wait: completed = false } = options
  const moves = await plannedMoves(admin, options)
  const throttled = throttle === undefined ? [] : await setThrottles(admin, moves, throttle)
  if (throttle !== undefined) output.note(throttledText(throttled, throttle))
  try {
    if (completed) await watchReassignments(admin, moves, { label: 'reassign', concurrency, output, signal })
    else await admin.alterPartitionReassignments(moves)
  } catch (error) {
    if (throttled.length > 0) output.note(THROTTLE_STAYS)
    throw error
  }
  if (completed && throttled.length > 0) noteThrottles(await clearThrottles(admin, topicsOf(moves)), output)
  output.result({ reassigned: moves, completed, throttledBrokers: throttled }, () =>
    movesText(moves, completed),
  )
  if (completed) return
  output.note('It goes on in the cluster: `millrace partition list --moving` shows how far it is.')
  if (throttled.length > 0) output.note(THROTTLE_STAYS)
}

const THROTTLE_STAYS =
  'The throttle stays, also when all is copied, until `millrace partition reassign --verify --all` removes it.'

function throttledText(brokers: readonly number[], bytesPerSecond: number): string {
  if (brokers.length === 0) return 'nothing has to be copied, so that nothing is throttled'
  return `${brokers.length === 1 ? 'broker' : 'brokers'} ${idList(brokers)} copy at most ${formatBytes(bytesPerSecond)} a second`
}

function noteThrottles(cleared: ClearedThrottles, output: Output): void {
  const text = throttlesText(cleared)
  if (text !== null) output.note(text)
}

function topicsOf(places: readonly Place[]): string[] {
  return [...new Set(places.map(({ topic }) => topic))]
}

/** All of the cluster: topics on which somebody left a throttle, too. */
async function verify(admin: Admin, options: Options, output: Output): Promise<void> {
  const places = await verifiedPlaces(admin, options)
  const partitions = await reassignmentStates(admin, places)
  const throttles = await clearThrottles(admin, options.all === true ? null : topicsOf(places))
  output.result({ partitions, throttles }, () => statesText(partitions))
  noteThrottles(throttles, output)
}

async function verifiedPlaces(admin: Admin, options: Options): Promise<VerifiedPlace[]> {
  const { replicas, file } = options
  if (file !== undefined || replicas !== undefined) return await plannedMoves(admin, options)
  return (await selectedPartitions(admin, options)) ?? (await admin.listPartitionReassignments()).map(placeOf)
}

function placeOf({ topic, partition }: Place): Place {
  return { topic, partition }
}

async function plannedMoves(admin: Admin, options: Options): Promise<Reassignment[]> {
  if (options.file !== undefined) return readReassignments(options.file)
  const { replicas = [] } = options
  const places = (await selectedPartitions(admin, options)) ?? []
  return places.map((place) => ({ ...place, replicas }))
}

/** Only what is moving: the others would be refused. */
async function cancel(admin: Admin, options: Options, output: Output): Promise<void> {
  const places =
    options.file === undefined ? await selectedPartitions(admin, options) : readReassignments(options.file)
  const cancelled = (await admin.listPartitionReassignments(places)).map(placeOf)
  await admin.alterPartitionReassignments(cancelled.map((place) => ({ ...place, replicas: null })))
  const throttles = await clearThrottles(admin, topicsOf(cancelled))
  output.result({ cancelled }, () => cancelledText(cancelled))
  noteThrottles(throttles, output)
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
