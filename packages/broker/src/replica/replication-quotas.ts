/** Both sides of a broker's replication quota, as one shard has them, with the rates that the metadata sets. */
import type { Clock, NodeId } from '@millrace/base'
import { brokerConfigSources, NO_LIMIT, replicationThrottleTable } from '@millrace/metadata'
import type { ConfigEntries, MetadataImage } from '@millrace/metadata'
import { ReplicationQuota } from './replication-quota.ts'

const BYTES_PER_QUOTA = BigInt64Array.BYTES_PER_ELEMENT
const QUOTAS = 2

/** What the shards of a broker share; it reaches other threads as it is. */
export function newQuotaMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(QUOTAS * BYTES_PER_QUOTA)
}

export class ReplicationQuotas {
  readonly leader: ReplicationQuota
  readonly follower: ReplicationQuota

  /** @param memory see `newQuotaMemory` */
  constructor(clock: Clock, memory: SharedArrayBuffer) {
    this.leader = new ReplicationQuota(clock, new BigInt64Array(memory, 0, 1))
    this.follower = new ReplicationQuota(clock, new BigInt64Array(memory, BYTES_PER_QUOTA, 1))
  }

  configure(image: MetadataImage, nodeId: NodeId, staticEntries: ConfigEntries): void {
    const { broker, allBrokers, static: own } = brokerConfigSources(image, nodeId, staticEntries)
    const rates = replicationThrottleTable.resolve(broker, allBrokers, own)
    this.leader.setRate(rateOf(rates['leader.replication.throttled.rate']))
    this.follower.setRate(rateOf(rates['follower.replication.throttled.rate']))
  }
}

function rateOf(configured: number): number {
  return configured === NO_LIMIT ? Infinity : configured
}
