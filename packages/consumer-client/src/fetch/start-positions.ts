/** Turns positions that people name into offsets: ListOffsets where they are no numbers. */
import { listOffsets } from '@millrace/client'
import type { CallScope, Cluster, OffsetSpec, TopicPartition } from '@millrace/client'
import type { Position } from '../consumer-options.ts'

export interface PositionQuery extends TopicPartition {
  readonly at: Position
}

/** @returns offsets in the order of `queries` */
export async function findPositions(
  cluster: Cluster,
  queries: readonly PositionQuery[],
  scope: CallScope,
): Promise<number[]> {
  const offsets = queries.map(({ at }) => (typeof at === 'object' && 'offset' in at ? at.offset : null))
  await fill(cluster, queries, offsets, scope, (at) => at as OffsetSpec)
  // What found nothing by time starts behind the last record.
  await fill(cluster, queries, offsets, scope, () => 'end')
  return offsets.map((offset) => offset ?? 0)
}

/** Looks up those that are still open, and leaves open what is not found. */
async function fill(
  cluster: Cluster,
  queries: readonly PositionQuery[],
  offsets: (number | null)[],
  scope: CallScope,
  specOf: (at: Position) => OffsetSpec,
): Promise<void> {
  const open = queries.map((_query, index) => index).filter((index) => offsets[index] === null)
  const asked = open.map((index) => ({ ...queries[index]!, at: specOf(queries[index]!.at) }))
  const found = await listOffsets(cluster, asked, scope)
  found.forEach(({ offset }, index) => {
    if (offset >= 0) offsets[open[index]!] = offset
  })
}
