import { AssertionError, NO_TIMESTAMP, type NodeId, type Offset } from '@millrace/base'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetadataDelta } from '../../src/delta/metadata-delta.ts'
import { MetadataImage } from '../../src/image/metadata-image.ts'
import { collisionKey } from '../../src/topic-name.ts'
import { contentOf } from '../image-content.ts'
import { recordHistory, testBroker, testPartition, testUuid } from '../record-history.ts'

const empty = MetadataImage.empty('cluster')
const at = (lastOffset: number) => ({ lastOffset: lastOffset as Offset, epoch: 1, timestampMs: NO_TIMESTAMP })
const deltaOf = (image: MetadataImage, ...records: MetadataRecord[]) =>
  new MetadataDelta(image).replayAll(records)
const apply = (image: MetadataImage, ...records: MetadataRecord[]) =>
  deltaOf(image, ...records).apply(at(image.position.lastOffset + records.length))

const id = testUuid(7)
const flights = [
  metadataRecord('TopicRecord', { name: 'flights', topicId: id }),
  testPartition(id, 0),
  testPartition(id, 1),
]
const retention = (value: string | null) =>
  metadataRecord('ConfigRecord', { resourceType: 2, resourceName: 'flights', name: 'retention.ms', value })

test('a created topic is found by name and by id, and the image before it stays as it was', () => {
  const image = apply(empty, ...flights)
  expect(image.topics.byName('flights')).toBe(image.topics.byId(id))
  expect(image.partition('flights', 1)).toMatchObject({ leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] })
  expect(image.partition('flights', 2)).toBeUndefined()
  expect(image.position.lastOffset).toBe(2)
  expect(empty.topics.size).toBe(0)
})

test('naming a leader raises the leader epoch, even the same leader; any change raises the partition epoch', () => {
  const created = apply(empty, ...flights)
  const change = { partitionId: 0, topicId: id }
  const shrunk = apply(created, metadataRecord('PartitionChangeRecord', { ...change, isr: [] }))
  expect(shrunk.partition('flights', 0)).toMatchObject({
    isr: [],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 1,
  })
  const elected = apply(shrunk, metadataRecord('PartitionChangeRecord', { ...change, leader: 1 as NodeId }))
  expect(elected.partition('flights', 0)).toMatchObject({ leader: 1, leaderEpoch: 1, partitionEpoch: 2 })
  expect(elected.partition('flights', 1)).toBe(created.partition('flights', 1))
})

test('a deleted topic takes its configuration with it, and a new one of its name starts without', () => {
  const image = apply(empty, ...flights, retention('1000'))
  expect(image.configs.forTopic('flights').get('retention.ms')).toBe('1000')
  const other = testUuid(8)
  const again = apply(
    image,
    metadataRecord('RemoveTopicRecord', { topicId: id }),
    metadataRecord('TopicRecord', { name: 'flights', topicId: other }),
    testPartition(other, 0),
  )
  expect(again.topics.byName('flights')?.id).toBe(other)
  expect(again.topics.byId(id)).toBeUndefined()
  expect(again.configs.forTopic('flights').size).toBe(0)
})

test('a delta says what was created, changed and deleted, and keeps quiet about what came and went', () => {
  const image = apply(empty, ...flights)
  const [born, passing] = [testUuid(1), testUuid(2)]
  const delta = deltaOf(
    image,
    metadataRecord('PartitionChangeRecord', { partitionId: 1, topicId: id, leader: 2 as NodeId }),
    metadataRecord('TopicRecord', { name: 'born', topicId: born }),
    testPartition(born, 0),
    metadataRecord('TopicRecord', { name: 'passing', topicId: passing }),
    metadataRecord('RemoveTopicRecord', { topicId: passing }),
    retention('5'),
  )
  expect([...delta.topics.changed.keys()]).toEqual([id, born])
  expect([...delta.topics.changed.get(id)!.partitions.keys()]).toEqual([1])
  expect(delta.topics.changed.get(id)!.before).toBe(image.topics.byId(id))
  expect(delta.topics.changed.get(born)!.before).toBeNull()
  expect(delta.topics.deleted.size).toBe(0)
  expect([...delta.configs.changedTopics]).toEqual(['flights'])

  const removal = deltaOf(image, metadataRecord('RemoveTopicRecord', { topicId: id }))
  expect([...removal.topics.deleted.values()]).toEqual([image.topics.byId(id)])
  expect(removal.topics.changed.size).toBe(0)
})

test('brokers register, are fenced under their epoch, and leave', () => {
  const registered = apply(empty, testBroker(1, { brokerEpoch: 4 }))
  const change = { brokerId: 1 as NodeId, brokerEpoch: 4 }
  const fenced = apply(registered, metadataRecord('BrokerRegistrationChangeRecord', { ...change, fenced: 1 }))
  expect(registered.brokers.get(1 as NodeId)?.fenced).toBe(false)
  expect(fenced.brokers.get(1 as NodeId)?.fenced).toBe(true)
  const unfenced = apply(fenced, metadataRecord('BrokerRegistrationChangeRecord', { ...change, fenced: -1 }))
  expect(unfenced.brokers.get(1 as NodeId)?.fenced).toBe(false)
  expect(apply(unfenced, metadataRecord('UnregisterBrokerRecord', change)).brokers.size).toBe(0)
})

test('a partition that is written as a whole replaces what was known of it', () => {
  const image = apply(empty, ...flights)
  const changed = apply(image, testPartition(id, 1, 3))
  expect(changed.partition('flights', 1)).toMatchObject({ leader: 3, isr: [3], replicas: [3] })
  expect(changed.partition('flights', 0)).toBe(image.partition('flights', 0))
  expect(image.partition('flights', 1)).toMatchObject({ leader: 1 })
})

test('a broker that registers again replaces its registration, shutdown and fencing included', () => {
  const brokerId = 1 as NodeId
  const before = apply(
    empty,
    testBroker(1, { brokerEpoch: 4 }),
    metadataRecord('BrokerRegistrationChangeRecord', { brokerId, brokerEpoch: 4, inControlledShutdown: 1 }),
    metadataRecord('BrokerRegistrationChangeRecord', { brokerId, brokerEpoch: 4, fenced: 1 }),
  )
  expect(before.brokers.get(brokerId)).toMatchObject({ epoch: 4, fenced: true, inControlledShutdown: true })
  const after = apply(before, testBroker(1, { brokerEpoch: 9 }))
  expect(after.brokers.get(brokerId)).toMatchObject({ epoch: 9, fenced: false, inControlledShutdown: false })
})

test('level 0 takes a feature away (KIP-584)', () => {
  const level = (featureLevel: number) => metadataRecord('FeatureLevelRecord', { name: 'f', featureLevel })
  expect([...apply(empty, level(2)).features]).toEqual([['f', 2]])
  expect(apply(apply(empty, level(2)), level(0)).features.size).toBe(0)
})

test('records that contradict the image stop instead of being applied', () => {
  const image = apply(empty, ...flights, testBroker(1, { brokerEpoch: 4 }))
  const unknown = testUuid(99)
  const wrong: MetadataRecord[] = [
    metadataRecord('TopicRecord', { name: 'other', topicId: id }),
    metadataRecord('TopicRecord', { name: 'flights', topicId: unknown }),
    metadataRecord('RemoveTopicRecord', { topicId: unknown }),
    testPartition(unknown, 0),
    testPartition(id, 5),
    metadataRecord('PartitionChangeRecord', { partitionId: 2, topicId: id }),
    metadataRecord('UnregisterBrokerRecord', { brokerId: 1 as NodeId, brokerEpoch: 3 }),
    metadataRecord('UnregisterBrokerRecord', { brokerId: 2 as NodeId, brokerEpoch: 4 }),
  ]
  for (const record of wrong) expect(() => deltaOf(image, record), record.type).toThrow(AssertionError)
})

test('however a history is cut into deltas, the image at its end is the same, and no earlier image changes', () => {
  fc.assert(
    fc.property(recordHistory, fc.array(fc.nat(100), { maxLength: 10 }), (records, cuts) => {
      const whole = deltaOf(empty, ...records).apply(at(records.length - 1))
      const bounds = [...new Set(cuts.map((cut) => cut % records.length)), records.length].toSorted(
        (a, b) => a - b,
      )
      let image = empty
      let from = 0
      const earlier: { image: MetadataImage; shown: unknown }[] = []
      for (const to of bounds) {
        image = deltaOf(image, ...records.slice(from, to)).apply(at(to - 1))
        earlier.push({ image, shown: contentOf(image) })
        from = to
      }
      expect(contentOf(image)).toEqual(contentOf(whole))
      for (const { image: old, shown } of earlier) expect(contentOf(old)).toEqual(shown)
    }),
  )
})

test('the topics that a delta reports are exactly those that differ between its two images', () => {
  fc.assert(
    fc.property(recordHistory, fc.nat(100), (records, cut) => {
      const middle = cut % records.length
      const before = deltaOf(empty, ...records.slice(0, middle)).apply(at(middle - 1))
      const delta = deltaOf(before, ...records.slice(middle))
      const after = delta.apply(at(records.length - 1))
      const ids = (image: MetadataImage) => new Set([...image.topics.values()].map((topic) => topic.id))
      const gone = [...ids(before)].filter((topic) => !ids(after).has(topic))
      expect([...delta.topics.deleted.keys()].toSorted()).toEqual(gone.toSorted())
      for (const topic of after.topics.values()) {
        if (!delta.topics.changed.has(topic.id)) expect(topic).toBe(before.topics.byId(topic.id))
      }
      for (const [topic, change] of delta.topics.changed) {
        for (const [index, partition] of change.partitions) {
          expect(after.topics.byId(topic)?.partitions[index]).toBe(partition)
        }
      }
    }),
  )
})

test('names that collide are found as long as their topic lives', () => {
  fc.assert(
    fc.property(recordHistory, (records) => {
      const image = deltaOf(empty, ...records).apply(at(records.length - 1))
      const names = [...image.topics.values()].map(({ name }) => name)
      for (let number = 0; number < 8; number++) {
        const key = collisionKey(`a.${number}`)!
        const expected = names.filter((name) => collisionKey(name) === key)
        expect([...image.topics.collidingNames(key)].toSorted()).toEqual(expected.toSorted())
      }
    }),
  )
})
