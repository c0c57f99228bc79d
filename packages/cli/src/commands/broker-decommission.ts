import type { Admin } from '@millrace/client'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { type BrokerPartitions, describeAllTopics, partitionCounts } from '../hosted-partitions.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly force?: true
}

const NAMED_TOPICS_MAX = 5

export default defineCommand<Options>({
  examples: ['millrace broker decommission 3', 'millrace broker decommission 3 --force'],

  configure(command) {
    command
      .argument('<id>', 'number of the broker', (text) => String(integer(0, 0x7fffffff)(text)))
      .option(
        '--force',
        'even when it runs or has partitions; those whose only replica it has are lost with it',
      )
    addConnectionOptions(command)
  },

  async run({ args: [text = ''], options, output }) {
    const id = Number(text)
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, async (admin) => {
      if (options.force !== true) await refuseIfInUse(admin, id)
      await admin.unregisterBroker(id)
    })
    output.result({ nodeId: id, decommissioned: true }, () => `the cluster has forgotten broker ${id}`)
  },
})

async function refuseIfInUse(admin: Admin, id: number): Promise<void> {
  const [brokers, topics] = await Promise.all([admin.listBrokers(), describeAllTopics(admin)])
  const hosted = partitionCounts(topics).byBroker.get(id)
  if (hosted !== undefined && hosted.replicas > 0) throw stillHosting(id, hosted)
  const listed = brokers.find(({ nodeId }) => nodeId === id)
  if (listed === undefined || listed.isFenced) return
  throw new CliError(
    'BROKER_RUNNING',
    `broker ${id} is running at ${listed.host}:${listed.port}`,
    'Stop it first (SIGTERM): a broker that runs registers again. --force forgets it nevertheless.',
  )
}

function stillHosting(id: number, { replicas, topics }: BrokerPartitions): CliError {
  const named = topics.slice(0, NAMED_TOPICS_MAX).join(', ')
  const others = topics.length - NAMED_TOPICS_MAX
  const list = others > 0 ? `${named} and ${others} more` : named
  return new CliError(
    'BROKER_NOT_EMPTY',
    `broker ${id} still hosts ${plural(replicas, 'replica')} of ${plural(topics.length, 'topic')}: ${list}`,
    'Copy what you need to new topics and delete these, or start the broker again. --force gives up its replicas.',
  )
}
