/** What a replica begins with: its log as recovery found it, and what the checkpoints say of it. */
import type { LeaderEpoch } from '@millrace/base'
import type { LogSummary } from '@millrace/replication'
import type { Log } from '@millrace/storage'
import type { ReplicaCheckpoint } from './replica-surroundings.ts'

/** @param hasPeers without others, nobody has what a damaged log lacks, and what is sound of it is all there is */
export function summaryOf(log: Log, checkpoint: ReplicaCheckpoint, hasPeers: boolean): LogSummary {
  const { logStartOffset, logEndOffset, recoveryPoint, corruption } = log
  const { highWatermark, owedEndOffset } = checkpoint
  const found = log.leaderEpochs.map(({ epoch, startOffset }) => ({ epoch, startOffset }))
  const isUnknown = found.length === 0 && logEndOffset > logStartOffset
  return {
    logStartOffset,
    logEndOffset,
    flushedEndOffset: recoveryPoint,
    // Damage can have taken the epochs with the batches that they were of.
    epochs: isUnknown ? [{ epoch: 0 as LeaderEpoch, startOffset: logStartOffset }] : found,
    highWatermark,
    owedEndOffset: hasPeers ? owedEndOffset : null,
    damagedFrom: hasPeers ? (corruption?.offset ?? null) : null,
  }
}
