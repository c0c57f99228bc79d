import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'

interface Options extends ConnectionOptions {
  readonly internal?: true
}

export default defineCommand<Options>({
  examples: ['millrace topic list', "millrace topic list --output json | jq -r '.topics[].name'"],

  configure(command) {
    command.option('--internal', 'include the topics that the cluster keeps for itself')
    addConnectionOptions(command)
  },

  async run({ options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const all = await withAdmin(options, (admin) => admin.listTopics())
    const topics = all.filter(({ isInternal }) => !isInternal || options.internal === true)
    if (output.format === 'text' && topics.length === 0) {
      return output.note('no topics yet; create one with `millrace topic create NAME --partitions N`')
    }
    const { table } = await import('../table.ts')
    output.result({ topics }, () =>
      table(
        [{ title: 'TOPIC' }, { title: 'PARTITIONS', align: 'right' }, { title: 'ID' }],
        topics.map(({ name, partitions, topicId }) => [name, partitions, topicId]),
      ),
    )
  },
})
