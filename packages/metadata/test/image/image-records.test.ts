import { NO_TIMESTAMP, type Offset } from '@millrace/base'
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetadataDelta } from '../../src/delta/metadata-delta.ts'
import { imageRecords } from '../../src/image/image-records.ts'
import { MetadataImage } from '../../src/image/metadata-image.ts'
import { recordHistory } from '../record-history.ts'

const position = { lastOffset: 0 as Offset, epoch: 1, timestampMs: NO_TIMESTAMP }
const replay = (records: Iterable<MetadataRecord>) =>
  new MetadataDelta(MetadataImage.empty('cluster')).replayAll(records).apply(position)

test('an image written as records, and those to bytes, is the same image when it is read back', () => {
  fc.assert(
    fc.property(recordHistory, (history) => {
      const image = replay(history)
      const bytes = [...imageRecords(image)].map(encodeMetadataRecord)
      const read = replay(bytes.map((record) => decodeMetadataRecord(record) as MetadataRecord))
      expect(new Map(read.brokers)).toEqual(new Map(image.brokers))
      expect(read.features).toEqual(image.features)
      expect(read.topics.size).toBe(image.topics.size)
      for (const topic of image.topics.values()) {
        expect(read.topics.byId(topic.id)).toEqual(topic)
        expect(read.configs.forTopic(topic.name)).toEqual(image.configs.forTopic(topic.name))
      }
    }),
  )
})

test('the level of the metadata comes first, so that a reader knows at once whether it can go on', () => {
  fc.assert(
    fc.property(
      recordHistory,
      (history) => [...imageRecords(replay(history))][0]!.type === 'FeatureLevelRecord',
    ),
  )
})
