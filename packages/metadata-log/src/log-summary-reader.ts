/** What the core has to know of a recovered log: epochs, ends, voter sets. */
import { BufferPool } from '@millrace/base'
import type { LogSummary, VoterSetEntry } from '@millrace/raft'
import { isBatchError, readRecords, RecordBatchView } from '@millrace/record'
import type { Log } from '@millrace/storage'
import { readControlRecords, votersIn } from './control-batch.ts'
import { readMetadataBytes, unreadable } from './metadata-log-reader.ts'
import type { SnapshotContent } from './snapshot-reader.ts'

const POOLED_BYTES_MAX = 1024 * 1024

/**
 * Looks at every header of the log, and into its control batches. Everything in the log must be flushed.
 * @throws MetadataLogError where it is damaged
 */
export function readLogSummary(log: Log, snapshot: SnapshotContent | null): LogSummary {
  const voterSets = [...voterSetsInLog(log)]
  // Where the log still has the records below the snapshot's end, it says the same itself.
  if (snapshot !== null && snapshot.voters !== null) {
    const { endOffset } = snapshot.snapshotId
    const isInLog = voterSets.some(({ offset }) => offset < endOffset)
    if (!isInLog) voterSets.unshift({ offset: endOffset, voters: snapshot.voters })
  }
  return {
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    epochs: log.leaderEpochs.map(({ epoch, startOffset }) => ({ epoch, startOffset })),
    snapshot: snapshot?.snapshotId ?? null,
    voterSets,
  }
}

function* voterSetsInLog(log: Log): Generator<VoterSetEntry> {
  const pool = new BufferPool({ maxPooledBytes: POOLED_BYTES_MAX })
  for (const bytes of readMetadataBytes(log, log.logStartOffset, log.logEndOffset, pool)) {
    const view = new RecordBatchView(bytes)
    for (let position = 0; position < bytes.length; position = view.end) {
      view.at(bytes, position)
      if (!view.isControl) continue
      const reader = readRecords(bytes, { position, maxDecompressedBytes: 0 })
      if (isBatchError(reader)) throw unreadable(log, view.baseOffset, reader.message)
      const control = readControlRecords(reader)
      if ('kind' in control) throw unreadable(log, view.baseOffset, control.reason)
      const voters = votersIn(control)
      if (voters !== null) yield { offset: view.baseOffset, voters }
    }
  }
}
