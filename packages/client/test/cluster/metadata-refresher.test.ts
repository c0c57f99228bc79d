import { nodeId } from '@millrace/base'
import { MetadataCache } from '@millrace/client'
import type { ResponseOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { VirtualWorld } from '../../../net/test/virtual/world.ts'
import { MetadataRefresher } from '../../src/cluster/metadata-refresher.ts'

const EMPTY: ResponseOf<'Metadata'> = {
  throttleTimeMs: 0,
  brokers: [],
  clusterId: null,
  controllerId: nodeId(-1),
  topics: [],
  clusterAuthorizedOperations: 0,
  errorCode: 0,
}

function rig() {
  const world = new VirtualWorld()
  const asked: (readonly string[])[] = []
  const answers: PromiseWithResolvers<ResponseOf<'Metadata'>>[] = []
  const refresher = new MetadataRefresher({
    env: world,
    cache: new MetadataCache(),
    minIntervalMs: 100,
    maxAgeMs: 60_000,
    fetch: (topics) => {
      asked.push(topics)
      const answer = Promise.withResolvers<ResponseOf<'Metadata'>>()
      answers.push(answer)
      return answer.promise
    },
  })
  return { world, asked, answers, refresher }
}

describe('metadata refresher', () => {
  it('sends one request for all who ask while it is in flight, after it', async () => {
    const { world, asked, answers, refresher } = rig()
    const first = refresher.refresh(['a'])
    const later = [refresher.refresh(['b']), refresher.refresh(['c'])]
    expect(asked).toEqual([['a']])
    answers[0]!.resolve(EMPTY)
    await first
    await world.settle()
    expect(asked).toEqual([['a'], ['a', 'b', 'c']])
    answers[1]!.resolve(EMPTY)
    await Promise.all(later)
  })

  it('lets a question wait that was just asked, but not one for a new topic', async () => {
    const { world, asked, answers, refresher } = rig()
    const first = refresher.refresh(['a'])
    answers[0]!.resolve(EMPTY)
    await first
    void refresher.refresh(['a'])
    await world.advance(99)
    expect(asked.length).toBe(1)
    await world.advance(1)
    expect(asked.length).toBe(2)
    answers[1]!.resolve(EMPTY)
    await world.settle()
    void refresher.refresh(['new'])
    await world.settle()
    expect(asked.at(-1)).toEqual(['a', 'new'])
  })

  it('hands a failure to those who asked and goes on', async () => {
    const { world, answers, asked, refresher } = rig()
    const failed = refresher.refresh(['a'])
    answers[0]!.reject(new Error('no broker'))
    await expect(failed).rejects.toThrow('no broker')
    void refresher.refresh()
    await world.advance(100)
    expect(asked.length).toBe(2)
  })

  it('is stale at the beginning and after its maximum age', async () => {
    const { world, answers, refresher } = rig()
    expect(refresher.isStale()).toBe(true)
    const refreshed = refresher.refresh()
    answers[0]!.resolve(EMPTY)
    await refreshed
    expect(refresher.isStale()).toBe(false)
    await world.advance(60_001)
    expect(refresher.isStale()).toBe(true)
  })
})
