/** A replication quota of its own, as a broker with one shard has it. */
import type { Clock } from '@millrace/base'
import { ReplicationQuota } from '../../src/replica/replication-quota.ts'

/** @param bytesPerSecond left out: no limit */
export function testQuota(clock: Clock, bytesPerSecond = Infinity): ReplicationQuota {
  const shared = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))
  const quota = new ReplicationQuota(clock, shared)
  quota.setRate(bytesPerSecond)
  return quota
}
