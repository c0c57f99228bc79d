import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions, integer, keyValue } from '../options.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly config?: ReadonlyMap<string, string>
  readonly ifNotExists?: true
}

export default defineCommand<Options>({
  examples: [
    'millrace topic create flights --partitions 6',
    'millrace topic create audit --partitions 3 --replication-factor 3 --config retention.ms=-1',
  ],

  configure(command) {
    command
      .argument('<name>', 'name of the topic')
      .option(
        '--partitions <count>',
        "number of partitions (default: the cluster's num.partitions)",
        integer(1, 100_000),
      )
      .option(
        '--replication-factor <count>',
        "replicas of each partition (default: the cluster's default.replication.factor)",
        integer(1, 32_767),
      )
      .option('--config <key=value>', 'configuration of the topic; several times', keyValue)
      .option('--if-not-exists', 'succeed when the topic is there already')
    addConnectionOptions(command)
  },

  async run({ args: [name = ''], options, output }) {
    const { partitions, replicationFactor, config = new Map<string, string>() } = options
    const { withAdmin } = await import('../client-session.ts')
    await withAdmin(options, async (admin) => {
      try {
        const configs = Object.fromEntries(config)
        const [created] = await admin.createTopics([{ name, partitions, replicationFactor, configs }])
        output.result({ ...created!, created: true }, () => {
          const replicas = plural(created!.replicationFactor, 'replica')
          return `created topic ${name} with ${plural(created!.partitions, 'partition')}, ${replicas} each`
        })
      } catch (error) {
        if (options.ifNotExists !== true || codeOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
        output.result({ name, created: false }, () => `topic ${name} exists already`)
      }
    })
  },
})

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
