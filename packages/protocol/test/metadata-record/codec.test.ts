import { ZERO_UUID, type LeaderEpoch, type NodeId, type Uuid } from '@millrace/base'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMetadataRecord, encodeMetadataRecord } from '../../src/metadata-record/codec.ts'
import { metadataRecord, type MetadataRecord } from '../../src/metadata-record/metadata-record.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const uuid = (hex: string) => bytes(hex).toString('base64url') as Uuid
const node = (id: number) => id as NodeId

const topicId = uuid('00000000 0000 4000 8000 0000 0000 0091')
const directoryId = uuid('1000 0000 0000 4000 8000 0000 0000 0001')

/** Values of records in a `__cluster_metadata` log that Apache Kafka 3.x wrote. */
const fromKafka: readonly (readonly [string, string, MetadataRecord])[] = [
  [
    'FeatureLevelRecord',
    '01 0c 00 11 6d657461646174612e76657273696f6e 0014 00',
    metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 20 }),
  ],
  [
    'TopicRecord',
    '01 02 00 04 73617a 00000000000040008000000000000091 00',
    metadataRecord('TopicRecord', { name: 'saz', topicId }),
  ],
]

for (const [name, hex, record] of fromKafka) {
  test(`a ${name} written by Kafka is read, and written to the same bytes`, () => {
    expect(decodeMetadataRecord(bytes(hex))).toEqual(record)
    expect(Buffer.from(encodeMetadataRecord(record))).toEqual(bytes(hex))
  })
}

test('a PartitionRecord of version 1, as Kafka writes it, is read with defaults for what came later', () => {
  const hex = `01 03 01 00000001 00000000000040008000000000000091
    02 00000001 02 00000001 01 01 00000001 00000000 00000000 02 10000000000040008000000000000001 00`
  expect(decodeMetadataRecord(bytes(hex))).toEqual(
    metadataRecord('PartitionRecord', {
      partitionId: 1,
      topicId,
      replicas: [node(1)],
      isr: [node(1)],
      removingReplicas: [],
      addingReplicas: [],
      leader: node(1),
      leaderEpoch: 0 as LeaderEpoch,
      partitionEpoch: 0,
      directories: [directoryId],
    }),
  )
})

/** Built by hand from the field lists of Kafka's message definitions. */
const byHand: readonly (readonly [string, string, MetadataRecord])[] = [
  [
    'PartitionRecord with eligible leaders in tagged fields',
    `01 03 02 00000000 00000000000040008000000000000091
     03 00000001 00000002 02 00000001 01 01 00000001 00000005 00000007 01
     02 00 01 01 01 05 02 00000002`,
    metadataRecord('PartitionRecord', {
      partitionId: 0,
      topicId,
      replicas: [node(1), node(2)],
      isr: [node(1)],
      removingReplicas: [],
      addingReplicas: [],
      leader: node(1),
      leaderRecoveryState: 1,
      leaderEpoch: 5 as LeaderEpoch,
      partitionEpoch: 7,
      directories: [],
      eligibleLeaderReplicas: [node(2)],
    }),
  ],
  [
    'PartitionChangeRecord that changes the leader only',
    '01 05 02 00000003 00000000000040008000000000000091 01 01 04 00000002',
    metadataRecord('PartitionChangeRecord', { partitionId: 3, topicId, leader: node(2) }),
  ],
  [
    'PartitionChangeRecord that changes nothing',
    '01 05 02 00000003 00000000000040008000000000000091 00',
    metadataRecord('PartitionChangeRecord', { partitionId: 3, topicId }),
  ],
  [
    'ConfigRecord that removes a key',
    '01 04 00 02 02 74 0d 726574656e74696f6e2e6d73 00 00',
    metadataRecord('ConfigRecord', { resourceType: 2, resourceName: 't', name: 'retention.ms', value: null }),
  ],
  [
    'RemoveTopicRecord',
    '01 09 00 00000000000040008000000000000091 00',
    metadataRecord('RemoveTopicRecord', { topicId }),
  ],
  [
    'RegisterBrokerRecord',
    `01 00 03 00000001 00 00000000000040008000000000000091 000000000000000c
     02 0a 504c41494e54455854 0a 6c6f63616c686f7374 2384 0000 00
     01 00 00 00 01 00 11 02 10000000000040008000000000000001`,
    metadataRecord('RegisterBrokerRecord', {
      brokerId: node(1),
      incarnationId: topicId,
      brokerEpoch: 12,
      endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
      features: [],
      rack: null,
      fenced: false,
      logDirs: [directoryId],
    }),
  ],
  [
    'UnregisterBrokerRecord',
    '01 01 00 00000002 0000000000000009 00',
    metadataRecord('UnregisterBrokerRecord', { brokerId: node(2), brokerEpoch: 9 }),
  ],
  [
    'BrokerRegistrationChangeRecord that unfences',
    '01 11 02 00000002 0000000000000009 01 00 01 ff',
    metadataRecord('BrokerRegistrationChangeRecord', { brokerId: node(2), brokerEpoch: 9, fenced: -1 }),
  ],
  ['NoOpRecord', '01 14 00 00', metadataRecord('NoOpRecord', {})],
]

for (const [name, hex, record] of byHand) {
  test(`${name} has Kafka's bytes`, () => {
    expect(Buffer.from(encodeMetadataRecord(record)).toString('hex')).toBe(bytes(hex).toString('hex'))
    expect(decodeMetadataRecord(bytes(hex))).toEqual(record)
  })
}

test('every record survives the round trip', () => {
  const ids = fc.array(fc.nat(9).map(node), { maxLength: 4 })
  const anyUuid = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((raw) => uuid(Buffer.from(raw).toString('hex')))
  const anyRecord = fc.oneof(
    fc.record({ name: fc.string(), topicId: anyUuid }).map((fields) => metadataRecord('TopicRecord', fields)),
    fc
      .record({
        partitionId: fc.nat(),
        topicId: anyUuid,
        replicas: ids,
        isr: ids,
        removingReplicas: ids,
        addingReplicas: ids,
        directories: fc.array(anyUuid, { maxLength: 3 }),
        eligibleLeaderReplicas: fc.option(ids),
        lastKnownElr: fc.option(ids),
      })
      .map((fields) => metadataRecord('PartitionRecord', fields)),
    fc
      .record({
        partitionId: fc.nat(),
        topicId: anyUuid,
        isr: fc.option(ids),
        replicas: fc.option(ids),
        leader: fc.integer({ min: -2, max: 9 }).map(node),
      })
      .map((fields) => metadataRecord('PartitionChangeRecord', fields)),
    fc
      .record({
        resourceType: fc.constantFrom(2, 4),
        resourceName: fc.string(),
        name: fc.string(),
        value: fc.option(fc.string({ unit: 'grapheme' })),
      })
      .map((fields) => metadataRecord('ConfigRecord', fields)),
  )
  fc.assert(
    fc.property(anyRecord, (record) => {
      expect(decodeMetadataRecord(encodeMetadataRecord(record))).toEqual(record)
    }),
  )
})

test('bytes that are no known record are refused with a reason and never throw', () => {
  const reasonOf = (hex: string) => {
    const decoded = decodeMetadataRecord(bytes(hex))
    return 'reason' in decoded ? decoded.reason : null
  }
  expect(reasonOf('02 02 00')).toBe('frame version 2 is unknown')
  expect(reasonOf('01 63 00 00')).toBe('record key 99 is unknown')
  expect(reasonOf('01 02 01 04 73617a')).toBe('version 1 of TopicRecord is unknown')
  expect(reasonOf('01 14 00 00 00')).toBe('1 bytes too many')
  expect(reasonOf('')).not.toBeNull()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (raw) => void decodeMetadataRecord(raw)))
  fc.assert(
    fc.property(fc.nat(60), fc.nat(7), (at, bit) => {
      const damaged = Buffer.from(
        encodeMetadataRecord(metadataRecord('TopicRecord', { name: 'saz', topicId: ZERO_UUID })),
      )
      damaged[at % damaged.length]! ^= 1 << bit
      void decodeMetadataRecord(damaged)
    }),
  )
})
