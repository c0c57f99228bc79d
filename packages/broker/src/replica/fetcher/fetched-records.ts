/** What arrived from a leader, checked before anything of it reaches a log. */
import type { LeaderEpoch, Offset } from '@millrace/base'
import { checkBatch, RecordBatchView } from '@millrace/record'
import type { FetchedRecords } from '@millrace/replication'

/** Shared, because each call is done with it before it returns. */
const view = new RecordBatchView(Buffer.alloc(0))

/** @returns what is wrong with them, or null for no bytes at all */
export function fetchedRecords(data: Buffer): FetchedRecords | string | null {
  if (data.length === 0) return null
  const epochs: { epoch: LeaderEpoch; startOffset: Offset }[] = []
  let endOffset = -1
  for (let position = 0; position < data.length; position = view.at(data, position).end) {
    const problem = checkBatch(data, position, data.length)
    if (problem !== null) return problem.message
    const { baseOffset, lastOffset, partitionLeaderEpoch: epoch } = view.at(data, position)
    if (baseOffset < endOffset)
      return `a batch begins at ${baseOffset}, before the end of the one in front, ${endOffset}`
    if (epochs.at(-1)?.epoch !== epoch) epochs.push({ epoch, startOffset: baseOffset })
    endOffset = lastOffset + 1
  }
  return { data, baseOffset: epochs[0]!.startOffset, endOffset: endOffset as Offset, epochs }
}
