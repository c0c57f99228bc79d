import { ConfigResourceType, MetadataDelta, MetadataImage } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { newQuotaMemory, ReplicationQuotas } from '../../src/replica/replication-quotas.ts'
import { NODE } from '../support/local-metadata.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const [LEADER, FOLLOWER] = [
  'leader.replication.throttled.rate',
  'follower.replication.throttled.rate',
] as const
const POSITION = { offset: 1, epoch: 1 } as unknown as Parameters<MetadataDelta['apply']>[0]

function imageWith(...entries: readonly [broker: string, name: string, value: string][]): MetadataImage {
  const records = entries.map(([resourceName, name, value]) =>
    metadataRecord('ConfigRecord', { resourceType: ConfigResourceType.BROKER, resourceName, name, value }),
  )
  return new MetadataDelta(MetadataImage.empty('test')).replayAll(records).apply(POSITION)
}

describe('the replication quotas of a broker', () => {
  it('have no rate unless one is set: for it, for all brokers, or where it was started', () => {
    const time = new VirtualTime()
    const quotas = new ReplicationQuotas(time, newQuotaMemory())
    const rates = (image: MetadataImage, own = new Map<string, string>()): number[] => {
      quotas.configure(image, NODE, own)
      return [quotas.leader.bytesMax, quotas.follower.bytesMax]
    }
    expect(rates(imageWith())).toEqual([Infinity, Infinity])
    expect(rates(imageWith(['', LEADER, '10']), new Map([[FOLLOWER, '20']]))).toEqual([10, 20])
    const image = imageWith(['', LEADER, '10'], [String(NODE), LEADER, '30'], ['77', FOLLOWER, '40'])
    expect(rates(image)).toEqual([30, Infinity])
  })

  it('are one budget a side for all its shards', () => {
    const time = new VirtualTime()
    const memory = newQuotaMemory()
    const [a, b] = [new ReplicationQuotas(time, memory), new ReplicationQuotas(time, memory)]
    const image = imageWith(['', LEADER, '1000'], ['', FOLLOWER, '1000'])
    for (const quotas of [a, b]) quotas.configure(image, NODE, new Map())
    a.leader.spend(3000)
    expect([a.leader.waitMs, b.leader.waitMs]).toEqual([2000, 2000])
    expect([a.follower.waitMs, b.follower.waitMs]).toEqual([0, 0])
  })
})
