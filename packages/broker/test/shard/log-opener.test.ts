import { describe, expect, it } from 'vitest'
import { batchOf } from '../support/batches.ts'
import { ShardFixture } from '../support/shard-fixture.ts'

describe('a log of this broker', () => {
  it('forgets a producer that sends nothing for producer.id.expiration.ms, whatever the wall clock says', async () => {
    await using fixture = await ShardFixture.open({
      topics: { t: 1 },
      config: { producerIdExpirationMs: 60_000 },
    })
    const send = async () => {
      const batch = batchOf(['a'], { producerId: 4000, producerEpoch: 0, baseSequence: 0 })
      const { errorCode, baseOffset } = await fixture.produce('t', 0, batch, { acks: -1 })
      return [errorCode, baseOffset]
    }
    const later = async (ms: number) => {
      fixture.broker.time.advance(ms)
      await fixture.shard.applyRetention()
    }
    expect(await send()).toEqual([0, 0])
    fixture.broker.time.wallNowMs += 86_400_000
    await later(59_999)
    expect(await send()).toEqual([0, 0])
    await later(1)
    expect(await send()).toEqual([0, 1])
  })
})
