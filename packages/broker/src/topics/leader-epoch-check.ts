/** What a reader believes about the leadership must agree with what this replica knows (KIP-320). */
import { NO_LEADER_EPOCH } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'

/** @param claimed −1: the client doesn't say */
export function leaderEpochError(claimed: LeaderEpoch, actual: LeaderEpoch): number {
  if (claimed === NO_LEADER_EPOCH || claimed === actual) return ErrorCode.NONE
  return claimed < actual ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
}
