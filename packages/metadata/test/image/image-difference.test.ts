import { AssertionError, NO_TIMESTAMP, type NodeId, type Offset } from '@millrace/base'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetadataDelta } from '../../src/delta/metadata-delta.ts'
import { imageDifferenceRecords } from '../../src/image/image-difference.ts'
import { imageRecords } from '../../src/image/image-records.ts'
import { MetadataImage } from '../../src/image/metadata-image.ts'
import { contentOf } from '../image-content.ts'
import { recordHistory, testBroker, testPartition, testUuid } from '../record-history.ts'

const position = { lastOffset: 9 as Offset, epoch: 1, timestampMs: NO_TIMESTAMP }
const empty = MetadataImage.empty('cluster')
const replay = (records: Iterable<MetadataRecord>, base = empty) =>
  new MetadataDelta(base).replayAll(records).apply(position)
const types = (from: MetadataImage, to: MetadataImage) =>
  imageDifferenceRecords(from, to).map(({ type }) => type)

const topic = (name: string, id: number, partitions = 1) => [
  metadataRecord('TopicRecord', { name, topicId: testUuid(id) }),
  ...Array.from({ length: partitions }, (_, index) => testPartition(testUuid(id), index)),
]
const retention = (name: string, value: string | null) =>
  metadataRecord('ConfigRecord', { resourceType: 2, resourceName: name, name: 'retention.ms', value })

test('the difference of two images, replayed on the older one, gives the newer one (KIP-630)', () => {
  fc.assert(
    fc.property(recordHistory, fc.nat(200), (history, cut) => {
      const older = replay(history.slice(0, cut % (history.length + 1)))
      const newer = replay(history)
      const records = imageDifferenceRecords(older, newer)
      expect(contentOf(replay(records, older))).toEqual(contentOf(newer))
    }),
    { numRuns: 300 },
  )
})

test('it does not matter how the newer image came about: by the log, or read from a snapshot', () => {
  fc.assert(
    fc.property(recordHistory, fc.nat(200), (history, cut) => {
      const older = replay(history.slice(0, cut % (history.length + 1)))
      const read = replay(imageRecords(replay(history)))
      const records = imageDifferenceRecords(older, read)
      expect(contentOf(replay(records, older))).toEqual(contentOf(read))
      expect(imageDifferenceRecords(replay(history), read)).toEqual([])
    }),
  )
})

test('a snapshot for a node without metadata is the whole image', () => {
  fc.assert(
    fc.property(recordHistory, (history) => {
      const image = replay(history)
      expect(contentOf(replay(imageDifferenceRecords(empty, image)))).toEqual(contentOf(image))
    }),
  )
})

test('only what changed is written: one partition of many, one key of many', () => {
  const before = replay([
    ...topic('a', 1, 50),
    ...topic('b', 2, 50),
    retention('a', '5'),
    retention('b', '5'),
  ])
  const change = { topicId: testUuid(1), partitionId: 7, leader: 2 as NodeId }
  const after = replay([metadataRecord('PartitionChangeRecord', change), retention('b', '6')], before)
  expect(imageDifferenceRecords(before, after)).toMatchObject([
    { type: 'PartitionRecord', partitionId: 7, leader: 2, leaderEpoch: 1, partitionEpoch: 1 },
    { type: 'ConfigRecord', resourceName: 'b', value: '6' },
  ])
})

test('a topic created again under its name is another topic, with the configuration of the new one alone', () => {
  const before = replay([...topic('a', 1), retention('a', '5')])
  const after = replay(
    [metadataRecord('RemoveTopicRecord', { topicId: testUuid(1) }), ...topic('a', 2)],
    before,
  )
  expect(types(before, after)).toEqual(['RemoveTopicRecord', 'TopicRecord', 'PartitionRecord'])
  const configured = replay([retention('a', '5')], after)
  expect(imageDifferenceRecords(before, configured).at(-1)).toMatchObject({
    type: 'ConfigRecord',
    value: '5',
  })
})

test('brokers that came, changed and left; features too', () => {
  const feature = (name: string, featureLevel: number) =>
    metadataRecord('FeatureLevelRecord', { name, featureLevel })
  const before = replay([testBroker(1), testBroker(2), testBroker(3), feature('f', 1), feature('g', 1)])
  const after = replay(
    [
      metadataRecord('UnregisterBrokerRecord', { brokerId: 1 as NodeId, brokerEpoch: 1 }),
      metadataRecord('BrokerRegistrationChangeRecord', { brokerId: 2 as NodeId, brokerEpoch: 1, fenced: 1 }),
      testBroker(4),
      feature('f', 0),
    ],
    before,
  )
  expect(imageDifferenceRecords(before, after)).toMatchObject([
    { type: 'FeatureLevelRecord', name: 'f', featureLevel: 0 },
    { type: 'UnregisterBrokerRecord', brokerId: 1 },
    { type: 'RegisterBrokerRecord', brokerId: 2, fenced: true },
    { type: 'RegisterBrokerRecord', brokerId: 4 },
  ])
})

test('images of different clusters, and a topic that lost partitions, have no difference to replay', () => {
  expect(() => imageDifferenceRecords(empty, MetadataImage.empty('other'))).toThrow(AssertionError)
  const [large, small] = [replay(topic('a', 1, 2)), replay(topic('a', 1, 1))]
  expect(() => imageDifferenceRecords(large, small)).toThrow(AssertionError)
})
