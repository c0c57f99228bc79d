import { describe, expect, it } from 'vitest'
import { nodeId, NO_NODE } from '@millrace/base'
import type { NodeId } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import { ShardMap } from '../../src/supervisor/shard-map.ts'
import { LocalMetadata, NODE, partitionRecord } from '../support/local-metadata.ts'

const shardsOf = (map: ShardMap) => map.all().map(({ shard }) => shard)

describe('ShardMap', () => {
  it('gives every new partition to the shard that has fewest', () => {
    const metadata = new LocalMetadata()
    const map = new ShardMap(NODE, 3)
    metadata.createTopic('flights', 4)
    expect(map.update(metadata.image).map(({ partition, shard }) => [partition, shard])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 0],
    ])
    metadata.createTopic('trains', 2)
    expect(map.update(metadata.image).map(({ shard }) => shard)).toEqual([1, 2])
  })

  it('never moves a partition that stays', () => {
    const metadata = new LocalMetadata()
    const map = new ShardMap(NODE, 2)
    metadata.createTopic('flights', 4)
    map.update(metadata.image)
    const before = map.all()
    expect(map.update(metadata.image)).toEqual([])
    expect(map.all()).toEqual(before)
  })

  it('counts a deleted topic out, so that new partitions fill the gap', () => {
    const metadata = new LocalMetadata()
    const map = new ShardMap(NODE, 2)
    metadata.createTopic('a')
    metadata.createTopic('b')
    map.update(metadata.image)
    const topicId = metadata.image.topics.byName('a')!.id
    metadata.deleteTopic('a')
    expect(map.updateTopics(metadata.image, [topicId])).toEqual([])
    metadata.createTopic('c')
    const placed = map.updateTopics(metadata.image, [metadata.image.topics.byName('c')!.id])
    expect(placed.map(({ shard }) => shard)).toEqual([0])
    expect(shardsOf(map)).toHaveLength(2)
  })

  it('places what this broker has a replica of, led or not, and lets go of what it no longer has', () => {
    const metadata = new LocalMetadata()
    const map = new ShardMap(NODE, 1)
    metadata.createTopic('flights', 2)
    const { id } = metadata.image.topics.byName('flights')!
    metadata.commit([partitionRecord(id, 2, nodeId(9))])
    map.update(metadata.image)
    expect(map.all().map(({ partition }) => partition)).toEqual([0, 1])

    const change = (replicas: NodeId[] | null) =>
      metadata.commit([
        metadataRecord('PartitionChangeRecord', { topicId: id, partitionId: 1, leader: NO_NODE, replicas }),
      ])
    change(null)
    expect(map.updateTopics(metadata.image, [id])).toEqual([])
    expect(map.all().map(({ partition }) => partition)).toEqual([0, 1])
    change([nodeId(9)])
    expect(map.updateTopics(metadata.image, [id])).toEqual([])
    expect(map.all().map(({ partition }) => partition)).toEqual([0])
  })
})
