/** The live picture of a development cluster as lines of text. Pure. */
import { formatCount, plural } from '../units.ts'
import { paint } from '../output.ts'
import { quorumSummary } from '../quorum-text.ts'
import { table } from '../table.ts'
import { type ClusterReport, type NodeState, nodeStatus, type RunningNode } from './cluster-view.ts'

const STYLES = {
  down: 'red',
  fenced: 'yellow',
  unknown: 'yellow',
  starting: 'yellow',
  observer: 'yellow',
  up: 'green',
  leader: 'green',
  voter: 'green',
} as const satisfies Record<NodeState, string>

export function statusLines(nodes: readonly RunningNode[], report: ClusterReport): string[] {
  const { quorum, partitions } = report
  const rows = nodes.map((node) => nodeStatus(node, report))
  const body = table(
    [
      { title: 'NODE' },
      { title: 'STATE' },
      { title: 'LISTENS ON' },
      { title: 'PID', align: 'right' },
      { title: 'LEADS', align: 'right' },
      { title: 'LAG', align: 'right' },
    ],
    rows.map((row) => [
      `${row.role} ${row.id}`,
      paint(STYLES[row.state], row.state),
      row.listen,
      row.pid ?? '',
      row.leads ?? '',
      row.lag === null ? '' : formatCount(row.lag),
    ]),
  )
  return [
    `quorum  ${quorum === null ? 'no leader: a majority of the controllers must run' : quorumSummary(quorum)}`,
    `topics  ${partitions === null ? 'no broker answers' : partitionsText(partitions)}`,
    '',
    ...body.split('\n'),
  ]
}

function partitionsText({
  topics,
  partitions,
  leaderless,
}: NonNullable<ClusterReport['partitions']>): string {
  const lost = leaderless === 0 ? '' : `, ${formatCount(leaderless)} without a leader`
  return `${plural(topics, 'topic')}, ${plural(partitions, 'partition')}${lost}`
}
