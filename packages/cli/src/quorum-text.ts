/** The metadata quorum as commands show it. Pure: from the admin client's description to lines. */
import { formatEndpoint, type QuorumDescription, type QuorumReplica } from '@millrace/client'
import { table } from './table.ts'
import { formatCount, plural } from './units.ts'

type ReplicaRole = 'leader' | 'voter' | 'observer'

interface QuorumRow extends QuorumReplica {
  readonly role: ReplicaRole
}

/** Voters first, each by id. */
function quorumRows({ leaderId, voters, observers }: QuorumDescription): QuorumRow[] {
  const byId = (left: QuorumReplica, right: QuorumReplica): number => left.id - right.id
  return [
    ...voters
      .toSorted(byId)
      .map((voter) => ({ ...voter, role: voter.id === leaderId ? ('leader' as const) : ('voter' as const) })),
    ...observers.toSorted(byId).map((observer) => ({ ...observer, role: 'observer' as const })),
  ]
}

export function voterIds({ voters }: QuorumDescription): number[] {
  return voters.map(({ id }) => id).sort((left, right) => left - right)
}

/** One line: who leads, since which epoch, and how much is committed. */
export function quorumSummary({ leaderId, leaderEpoch, highWatermark, voters }: QuorumDescription): string {
  const committed = `high watermark ${formatCount(highWatermark)}`
  return `leader ${leaderId}, epoch ${leaderEpoch}, ${committed}, ${plural(voters.length, 'voter')}`
}

export function quorumTable(quorum: QuorumDescription): string {
  return table(
    [
      { title: 'NODE', align: 'right' },
      { title: 'ROLE' },
      { title: 'END', align: 'right' },
      { title: 'LAG', align: 'right' },
      { title: 'FETCHED', align: 'right' },
      { title: 'DIRECTORY' },
      { title: 'ENDPOINT' },
    ],
    quorumRows(quorum).map((row) => [
      row.id,
      row.role,
      row.logEndOffset < 0 ? '?' : formatCount(row.logEndOffset),
      row.lag === null ? '?' : formatCount(row.lag),
      fetchedText(row),
      row.directoryId,
      row.endpoints.map(formatEndpoint).join(' '),
    ]),
  )
}

function fetchedText({ role, lastFetchAgeMs }: QuorumRow): string {
  if (role === 'leader') return ''
  if (lastFetchAgeMs === null) return 'never'
  return lastFetchAgeMs < 10_000 ? `${lastFetchAgeMs} ms ago` : `${formatCount(lastFetchAgeMs / 1000)} s ago`
}
