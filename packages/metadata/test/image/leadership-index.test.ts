import { NO_NODE, NO_TIMESTAMP, type NodeId, type Offset } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetadataDelta } from '../../src/delta/metadata-delta.ts'
import { MetadataImage } from '../../src/image/metadata-image.ts'
import { recordHistory, testPartition, testUuid } from '../record-history.ts'

const position = { lastOffset: 9 as Offset, epoch: 1, timestampMs: NO_TIMESTAMP }
const brokers = [NO_NODE, 0, 1, 2, 3].map((id) => id as NodeId)

const indexed = (image: MetadataImage, broker: NodeId) =>
  [...(broker === NO_NODE ? image.topics.leaderlessPartitions() : image.topics.candidatePartitions(broker))]
    .map(({ topic, partitionId }) => `${topic.name}-${partitionId}`)
    .toSorted()

const searched = (image: MetadataImage, broker: NodeId) =>
  [...image.topics.values()]
    .flatMap(({ name, partitions }) =>
      partitions.flatMap(({ isr, eligibleLeaderReplicas, leader }, index) => {
        const isFound = [...isr, ...eligibleLeaderReplicas].includes(broker) || leader === broker
        return isFound ? [`${name}-${index}`] : []
      }),
    )
    .toSorted()

test('a broker finds the partitions it may lead, and those nobody leads are found, whenever it is first asked and however they change', () => {
  fc.assert(
    fc.property(recordHistory, fc.array(fc.nat(200), { maxLength: 6 }), (history, cuts) => {
      let image = MetadataImage.empty('cluster')
      let from = 0
      const bounds = cuts.map((cut) => cut % history.length).toSorted((a, b) => a - b)
      for (const to of [...bounds, history.length]) {
        image = new MetadataDelta(image).replayAll(history.slice(from, to)).apply(position)
        from = to
        for (const broker of brokers) expect(indexed(image, broker)).toEqual(searched(image, broker))
      }
    }),
  )
})

test('what is found stands in the image that was asked, not in a later one', () => {
  const id = testUuid(1)
  const before = new MetadataDelta(MetadataImage.empty('cluster'))
    .replayAll([metadataRecord('TopicRecord', { name: 't', topicId: id }), testPartition(id, 0)])
    .apply(position)
  expect(indexed(before, 1 as NodeId)).toEqual(['t-0'])
  const after = new MetadataDelta(before)
    .replayAll([metadataRecord('PartitionChangeRecord', { topicId: id, partitionId: 0, isr: [2 as NodeId] })])
    .apply(position)
  expect(indexed(before, 1 as NodeId)).toEqual(['t-0'])
  expect(indexed(after, 1 as NodeId)).toEqual([])
  expect(indexed(after, 2 as NodeId)).toEqual(['t-0'])
})
