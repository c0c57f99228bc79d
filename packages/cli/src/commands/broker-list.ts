import { formatEndpoint } from '@millrace/client'
import { defineCommand } from '../command.ts'
import { describeAllTopics, partitionCounts } from '../hosted-partitions.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'

export default defineCommand<ConnectionOptions>({
  examples: [
    'millrace broker list',
    "millrace broker list --output json | jq '.brokers[] | select(.isFenced)'",
  ],

  configure: addConnectionOptions,

  async run({ options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const [listed, topics] = await withAdmin(options, (admin) =>
      Promise.all([admin.listBrokers(), describeAllTopics(admin)]),
    )
    const { byBroker } = partitionCounts(topics)
    const brokers = listed.map((broker) => ({
      ...broker,
      leads: byBroker.get(broker.nodeId)?.leads ?? 0,
      replicas: byBroker.get(broker.nodeId)?.replicas ?? 0,
    }))
    const { table } = await import('../table.ts')
    output.result({ brokers }, () =>
      table(
        [
          { title: 'BROKER', align: 'right' },
          { title: 'STATE' },
          { title: 'ADDRESS' },
          { title: 'RACK' },
          { title: 'LEADS', align: 'right' },
          { title: 'REPLICAS', align: 'right' },
        ],
        brokers.map((broker) => [
          broker.nodeId,
          broker.isFenced ? 'fenced' : 'up',
          formatEndpoint(broker),
          broker.rack ?? '',
          broker.leads,
          broker.replicas,
        ]),
      ),
    )
  },
})
