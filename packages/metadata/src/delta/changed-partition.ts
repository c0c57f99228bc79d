/** What a change record makes of a partition: replayed by everybody, and foreseen by the controller that decides on it. */
import type { LeaderEpoch } from '@millrace/base'
import { type MetadataRecordOf, NO_LEADER_CHANGE } from '@millrace/protocol'
import type { PartitionImage } from '../image/topics-image.ts'

/** A record that names a leader raises the leader epoch, whoever led before. */
export function changedPartition(
  partition: PartitionImage,
  record: MetadataRecordOf<'PartitionChangeRecord'>,
): PartitionImage {
  const isElection = record.leader !== NO_LEADER_CHANGE
  return {
    replicas: record.replicas ?? partition.replicas,
    isr: record.isr ?? partition.isr,
    removingReplicas: record.removingReplicas ?? partition.removingReplicas,
    addingReplicas: record.addingReplicas ?? partition.addingReplicas,
    eligibleLeaderReplicas: record.eligibleLeaderReplicas ?? partition.eligibleLeaderReplicas,
    lastKnownElr: record.lastKnownElr ?? partition.lastKnownElr,
    directories: record.directories ?? partition.directories,
    leader: isElection ? record.leader : partition.leader,
    leaderEpoch: isElection ? ((partition.leaderEpoch + 1) as LeaderEpoch) : partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch + 1,
    leaderRecoveryState:
      record.leaderRecoveryState < 0 ? partition.leaderRecoveryState : record.leaderRecoveryState,
  }
}
