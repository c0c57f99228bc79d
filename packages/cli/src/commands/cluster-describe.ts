import { type Admin, formatEndpoint, MillraceError, type QuorumDescription } from '@millrace/client'
import { defineCommand } from '../command.ts'
import { describeAllTopics, type PartitionCounts, partitionCounts } from '../hosted-partitions.ts'
import { addConnectionOptions, type ConnectionOptions } from '../options.ts'
import { paint } from '../output.ts'
import { quorumSummary } from '../quorum-text.ts'
import { table } from '../table.ts'
import { plural } from '../units.ts'

/** Brokers answer without controllers, so that a quorum without a leader is a finding, not a failure. */
const QUORUM_TIMEOUT_MS = 3000

interface Description {
  readonly clusterId: string
  readonly brokers: Awaited<ReturnType<Admin['listBrokers']>>
  /** Null while there is no leader. */
  readonly quorum: QuorumDescription | null
  readonly counts: PartitionCounts
}

export default defineCommand<ConnectionOptions>({
  examples: ['millrace cluster describe', 'millrace cluster describe --output json'],

  configure: addConnectionOptions,

  async run({ options, output }) {
    const { withAdmin } = await import('../client-session.ts')
    const found = await withAdmin(options, (admin) => describe(admin, options.timeout))
    const { byBroker, ...counts } = found.counts
    const brokers = found.brokers.map((broker) => ({
      ...broker,
      leads: byBroker.get(broker.nodeId)?.leads ?? 0,
      replicas: byBroker.get(broker.nodeId)?.replicas ?? 0,
    }))
    const { clusterId, quorum } = found
    output.result({ clusterId, quorum, brokers, ...counts }, () => descriptionText(found))
  },
})

async function describe(admin: Admin, timeoutMs: number): Promise<Description> {
  const [{ clusterId, brokers }, topics, quorum] = await Promise.all([
    admin.describeCluster({ includeFenced: true }),
    describeAllTopics(admin),
    quorumIfLed(admin, Math.min(timeoutMs, QUORUM_TIMEOUT_MS)),
  ])
  return { clusterId, brokers, quorum, counts: partitionCounts(topics) }
}

async function quorumIfLed(admin: Admin, timeoutMs: number): Promise<QuorumDescription | null> {
  try {
    return await admin.describeQuorum({ timeoutMs })
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'TIMEOUT') return null
    throw error
  }
}

function descriptionText({ clusterId, brokers, quorum, counts }: Description): string {
  const fenced = brokers.filter(({ isFenced }) => isFenced).length
  const leaderless = counts.leaderless === 0 ? '' : `, ${counts.leaderless} without a leader`
  const head = [
    `${paint('bold', 'cluster')}  ${clusterId}`,
    `quorum   ${quorum === null ? 'no leader: a majority of the controllers must run' : quorumSummary(quorum)}`,
    `brokers  ${brokers.length - fenced} up${fenced === 0 ? '' : `, ${fenced} fenced`}`,
    `topics   ${plural(counts.topics, 'topic')}, ${plural(counts.partitions, 'partition')}${leaderless}`,
  ].join('\n')
  const body = table(
    [
      { title: 'BROKER', align: 'right' },
      { title: 'STATE' },
      { title: 'ADDRESS' },
      { title: 'LEADS', align: 'right' },
      { title: 'REPLICAS', align: 'right' },
    ],
    brokers.map((broker) => [
      broker.nodeId,
      broker.isFenced ? 'fenced' : 'up',
      formatEndpoint(broker),
      counts.byBroker.get(broker.nodeId)?.leads ?? 0,
      counts.byBroker.get(broker.nodeId)?.replicas ?? 0,
    ]),
  )
  return `${head}\n\n${body}`
}
