import { array, int32, int8, leaderEpoch, nodeId, uuid } from '../schema/field.ts'
import { NO_LEADER_EPOCH, NO_NODE } from '@millrace/base'
import { defineRecord } from '../schema/define-record.ts'

/** A partition was created, or stands so in a snapshot. Version 1: directories (KIP-858); 2: eligible leaders (KIP-966). */
export const partitionRecord = defineRecord({
  key: 3,
  name: 'PartitionRecord',
  versions: '0-2',
  fields: {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    /** In order of preference for the leadership. */
    replicas: array(nodeId()),
    isr: array(nodeId()),
    removingReplicas: array(nodeId()),
    addingReplicas: array(nodeId()),
    leader: nodeId({ default: NO_NODE }),
    /** 1 while recovering from an unclean election, else 0 */
    leaderRecoveryState: int8({ tag: 0, default: 0 }),
    leaderEpoch: leaderEpoch({ default: NO_LEADER_EPOCH }),
    /** Rises with every change of the partition. */
    partitionEpoch: int32({ default: -1 }),
    /** Log directory of each replica, in the order of `replicas`. */
    directories: array(uuid(), { versions: '1+' }),
    eligibleLeaderReplicas: array(nodeId(), { versions: '2+', nullable: '2+', tag: 1, default: null }),
    lastKnownElr: array(nodeId(), { versions: '2+', nullable: '2+', tag: 2, default: null }),
  },
})
