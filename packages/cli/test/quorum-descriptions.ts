/** Descriptions as the admin client gives them, for tests of what is made of them. */
import { leaderEpoch, nodeId, offset, timestampMs, type Uuid } from '@millrace/base'
import type { BrokerDescription, QuorumDescription, QuorumReplica, TopicDescription } from '@millrace/client'

export function directoryOf(id: number): Uuid {
  return String(id).padStart(21, 'D').concat('A') as Uuid
}

export function replica(id: number, more: Partial<QuorumReplica> = {}): QuorumReplica {
  return {
    id: nodeId(id),
    directoryId: directoryOf(id),
    logEndOffset: offset(100),
    lag: 0,
    lastFetchTimestamp: timestampMs(1000),
    lastCaughtUpTimestamp: timestampMs(1000),
    lastFetchAgeMs: 12,
    endpoints: id > 100 ? [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9000 + id }] : [],
    ...more,
  }
}

export function quorum(
  voters: readonly number[],
  observers: readonly QuorumReplica[] = [],
  more: Partial<QuorumDescription> = {},
): QuorumDescription {
  return {
    leaderId: nodeId(voters[0]!),
    leaderEpoch: leaderEpoch(4),
    highWatermark: offset(1234),
    voters: voters.map((id) => replica(id)),
    observers,
    ...more,
  }
}

export function broker(id: number, isFenced = false): BrokerDescription {
  return { nodeId: nodeId(id), host: '127.0.0.1', port: 9091 + id, rack: null, isFenced }
}

/** @param partitions replicas of each, the leader first; a leader of −1 stands for none */
export function topic(name: string, partitions: readonly (readonly number[])[]): TopicDescription {
  return {
    name,
    topicId: directoryOf(7),
    isInternal: false,
    partitions: partitions.map(([leader = -1, ...others], partition) => ({
      partition,
      leader: nodeId(leader),
      leaderEpoch: leaderEpoch(0),
      replicas: [...(leader < 0 ? [] : [leader]), ...others].map(nodeId),
      isr: [...(leader < 0 ? [] : [leader, ...others])].map(nodeId),
      offlineReplicas: [],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
  }
}
