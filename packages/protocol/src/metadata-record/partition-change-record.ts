import type { NodeId } from '@millrace/base'
import { array, int32, int8, nodeId, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** `leader` of a change that leaves the leader and its epoch as they are. */
export const NO_LEADER_CHANGE = -2 as NodeId

/** Some fields of a partition changed; null stands for those that did not. Naming a leader raises the leader epoch. */
export const partitionChangeRecord = defineRecord({
  key: 5,
  name: 'PartitionChangeRecord',
  versions: '0-2',
  fields: {
    partitionId: int32({ default: -1 }),
    topicId: uuid(),
    isr: array(nodeId(), { nullable: '0+', tag: 0, default: null }),
    leader: nodeId({ tag: 1, default: NO_LEADER_CHANGE }),
    replicas: array(nodeId(), { nullable: '0+', tag: 2, default: null }),
    removingReplicas: array(nodeId(), { nullable: '0+', tag: 3, default: null }),
    addingReplicas: array(nodeId(), { nullable: '0+', tag: 4, default: null }),
    /** -1: no change */
    leaderRecoveryState: int8({ tag: 5, default: -1 }),
    eligibleLeaderReplicas: array(nodeId(), { versions: '2+', nullable: '2+', tag: 6, default: null }),
    lastKnownElr: array(nodeId(), { versions: '2+', nullable: '2+', tag: 7, default: null }),
    directories: array(uuid(), { versions: '1+', nullable: '1+', tag: 8, default: null }),
  },
})
