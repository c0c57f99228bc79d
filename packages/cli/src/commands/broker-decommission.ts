import type { Admin, TopicDescription } from '@millrace/client'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { describeAllTopics } from '../hosted-partitions.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import type { Output } from '../output.ts'
import { nameOf, planDrain } from '../partitions/drain-plan.ts'
import type { Reassignment } from '../partitions/reassignment-file.ts'
import { watchReassignments } from '../partitions/watched-run.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly force?: true
  readonly dryRun?: true
  readonly concurrency: number
}

const NAMED_PARTITIONS_MAX = 5

export default defineCommand<Options>({
  examples: [
    'millrace broker decommission 3',
    'millrace broker decommission 3 --dry-run',
    'millrace broker decommission 3 --force',
  ],

  configure(command) {
    command
      .argument('<id>', 'number of the broker', (text) => String(integer(0, 0x7fffffff)(text)))
      .option('--dry-run', 'show where its replicas would go, and change nothing')
      .option('--concurrency <n>', 'partitions that move at a time', integer(1, 100_000), 50)
      .option(
        '--force',
        'forget it at once, although it runs or has replicas; partitions with no other replica are lost with it',
      )
      .addHelpText(
        'after',
        '\nIts replicas are copied to the other brokers, then it is to be stopped, then the cluster forgets it. Call this again after each step that takes its time: it goes on where it was.',
      )
    addConnectionOptions(command)
  },

  interruptible: true,

  async run({ args: [text = ''], options, output, signal }) {
    const id = Number(text)
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, async (admin) => {
      if (options.dryRun === true) {
        const moves = await drainMoves(admin, id)
        output.result({ nodeId: id, moves }, () => movesText(id, moves))
        return
      }
      if (options.force !== true) {
        const { concurrency } = options
        await drain(admin, id, { concurrency, output, signal })
        await refuseIfRunning(admin, id)
      }
      await admin.unregisterBroker(id)
      output.result({ nodeId: id, decommissioned: true }, () => `the cluster has forgotten broker ${id}`)
    })
  },
})

interface DrainOptions {
  readonly concurrency: number
  readonly output: Output
  readonly signal: AbortSignal
}

/** Until it has nothing: while replicas go, new topics may still have been given to it. */
async function drain(admin: Admin, id: number, options: DrainOptions): Promise<void> {
  const { output } = options
  for (let hadReplicas = false; ; hadReplicas = true) {
    const moves = await drainMoves(admin, id)
    if (moves.length === 0) {
      if (hadReplicas) output.note(`broker ${id} has no replicas any more`)
      return
    }
    output.note(`moving ${plural(moves.length, 'replica')} from broker ${id} to others`)
    await watchReassignments(admin, moves, { label: `drain broker ${id}`, ...options })
  }
}

/** @throws CliError when its replicas can't go anywhere, or nobody can say what is in them */
async function drainMoves(admin: Admin, id: number): Promise<readonly Reassignment[]> {
  const [brokers, topics, ongoing, { replicas }] = await Promise.all([
    admin.listBrokers(),
    describeAllTopics(admin),
    admin.listPartitionReassignments(),
    admin.describeReplicas(null),
  ])
  requireLeaders(topics, id)
  const live = brokers.filter(({ isFenced }) => !isFenced)
  const sizes = new Map<string, number>()
  for (const { topic, partition, sizeBytes } of replicas) {
    const name = nameOf(topic, partition)
    sizes.set(name, Math.max(sizes.get(name) ?? 0, sizeBytes ?? 0))
  }
  const plan = planDrain({ leaving: id, brokers: live, topics, ongoing, sizes })
  if (plan.kind === 'moves') return plan.moves
  const others = live.filter(({ nodeId }) => nodeId !== id).length
  throw new CliError(
    'TOO_FEW_BROKERS',
    `topic ${plan.topic} has ${plural(plan.replicas, 'replica')}, and without broker ${id} there ${others === 1 ? 'is' : 'are'} only ${plural(others, 'live broker')}`,
    'Start another broker, or give the topic fewer replicas with `millrace partition reassign`. --force gives up its replicas.',
  )
}

/** Whoever copies a partition copies it from its leader. */
function requireLeaders(topics: readonly TopicDescription[], id: number): void {
  const stuck = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ leader, replicas }) => leader < 0 && replicas.some((replica) => replica === id))
      .map(({ partition }) => nameOf(name, partition)),
  )
  if (stuck.length === 0) return
  const named = stuck.slice(0, NAMED_PARTITIONS_MAX).join(', ')
  const others = stuck.length - NAMED_PARTITIONS_MAX
  throw new CliError(
    'PARTITIONS_WITHOUT_LEADER',
    `${plural(stuck.length, 'partition')} of broker ${id} can't be copied, having no leader: ${others > 0 ? `${named} and ${others} more` : named}`,
    `Start broker ${id} again, or whoever else has them. \`millrace partition elect --unclean\` or --force gives up what only it has.`,
  )
}

async function refuseIfRunning(admin: Admin, id: number): Promise<void> {
  const listed = (await admin.listBrokers()).find(({ nodeId }) => nodeId === id)
  if (listed === undefined || listed.isFenced) return
  throw new CliError(
    'BROKER_RUNNING',
    `broker ${id} is running at ${listed.host}:${listed.port}`,
    'It has no replicas. Stop it (SIGTERM), then call this again: a broker that runs registers again. --force forgets it nevertheless.',
  )
}

function movesText(id: number, moves: readonly Reassignment[]): string {
  if (moves.length === 0) return `broker ${id} has no replicas`
  return moves
    .map(({ topic, partition, replicas }) => `${topic}-${partition} would move to ${replicas.join(', ')}`)
    .join('\n')
}
