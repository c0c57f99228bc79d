/** Random histories of metadata records that a controller could have written: each record fits what came before. */
import { type LeaderEpoch, NO_NODE, type NodeId, type Uuid } from '@millrace/base'
import { metadataRecord, type MetadataRecord } from '@millrace/protocol'
import fc from 'fast-check'

type Step =
  | { readonly kind: 'create'; readonly name: number; readonly partitions: number }
  | { readonly kind: 'remove' | 'change' | 'config' | 'grow'; readonly pick: number; readonly value: number }
  | { readonly kind: BrokerStep; readonly broker: number }
  | { readonly kind: 'feature' | 'brokerConfig' | 'producerIds'; readonly value: number }
type BrokerStep = (typeof brokerSteps)[number]

const brokerSteps = ['register', 'fence', 'unfence', 'shutDown', 'unregister'] as const

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('create' as const), name: fc.nat(12), partitions: fc.nat(3) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('remove' as const, 'change' as const, 'config' as const, 'grow' as const),
        pick: fc.nat(100),
        value: fc.nat(3),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom(...brokerSteps), broker: fc.nat(2) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('feature' as const, 'brokerConfig' as const, 'producerIds' as const),
        value: fc.nat(2),
      }),
    },
  ),
  { maxLength: 60 },
)

/** Topics are created again under the names of removed ones; names collide in '.' and '_'. */
export const recordHistory: fc.Arbitrary<MetadataRecord[]> = steps.map((all) => {
  const records: MetadataRecord[] = [
    metadataRecord('FeatureLevelRecord', { name: 'metadata.version', featureLevel: 25 }),
  ]
  const topics = new Map<string, { id: Uuid; partitions: number }>()
  const brokerEpochs = new Map<number, number>()
  let nextProducerId = 0
  for (const step of all) {
    switch (step.kind) {
      case 'create': {
        const name = `${step.name % 2 === 0 ? 'a.' : 'a_'}${step.name >> 1}`
        if (topics.has(name)) break
        const id = testUuid(records.length)
        topics.set(name, { id, partitions: step.partitions })
        records.push(metadataRecord('TopicRecord', { name, topicId: id }))
        for (let index = 0; index < step.partitions; index++) records.push(testPartition(id, index))
        break
      }
      case 'register':
        brokerEpochs.set(step.broker, records.length)
        records.push(testBroker(step.broker, { brokerEpoch: records.length }))
        break
      case 'fence':
      case 'unfence':
      case 'shutDown':
      case 'unregister': {
        const brokerEpoch = brokerEpochs.get(step.broker)
        if (brokerEpoch === undefined) break
        if (step.kind === 'unregister') brokerEpochs.delete(step.broker)
        records.push(registeredBroker(step.kind, step.broker as NodeId, brokerEpoch))
        break
      }
      case 'feature':
        records.push(metadataRecord('FeatureLevelRecord', { name: 'f', featureLevel: step.value }))
        break
      case 'producerIds':
        nextProducerId += 1000
        records.push(producerIds(nextProducerId))
        break
      case 'brokerConfig':
        records.push(config(4, step.value === 0 ? '' : '1', step.value === 2 ? null : '3'))
        break
      default: {
        const [name, topic] = [...topics][step.pick % Math.max(1, topics.size)] ?? []
        if (name !== undefined && topic !== undefined) records.push(...existing(step, name, topic, topics))
      }
    }
  }
  return records
})

function registeredBroker(
  kind: Exclude<BrokerStep, 'register'>,
  brokerId: NodeId,
  brokerEpoch: number,
): MetadataRecord {
  const broker = { brokerId, brokerEpoch }
  switch (kind) {
    case 'fence':
      return metadataRecord('BrokerRegistrationChangeRecord', { ...broker, fenced: 1 })
    case 'unfence':
      return metadataRecord('BrokerRegistrationChangeRecord', { ...broker, fenced: -1 })
    case 'shutDown':
      return metadataRecord('BrokerRegistrationChangeRecord', { ...broker, inControlledShutdown: 1 })
    case 'unregister':
      return metadataRecord('UnregisterBrokerRecord', broker)
  }
}

function producerIds(nextProducerId: number): MetadataRecord {
  return metadataRecord('ProducerIdsRecord', { brokerId: 1 as NodeId, brokerEpoch: 1, nextProducerId })
}

function config(resourceType: number, resourceName: string, value: string | null): MetadataRecord {
  return metadataRecord('ConfigRecord', { resourceType, resourceName, name: 'retention.ms', value })
}

/** A leader is in the ISR, as everywhere. */
const changes = [
  { leader: 1 as NodeId, isr: [1 as NodeId], eligibleLeaderReplicas: [] },
  { leader: NO_NODE, isr: [], eligibleLeaderReplicas: [2 as NodeId], lastKnownElr: [1 as NodeId] },
  { leader: 2 as NodeId, isr: [2 as NodeId], eligibleLeaderReplicas: [3 as NodeId], lastKnownElr: [] },
  { leader: 3 as NodeId, isr: [3 as NodeId, 1 as NodeId], addingReplicas: [3 as NodeId] },
]

function existing(
  step: { readonly kind: 'remove' | 'change' | 'config' | 'grow'; readonly value: number },
  name: string,
  topic: { id: Uuid; partitions: number },
  topics: Map<string, unknown>,
): MetadataRecord[] {
  const { id: topicId, partitions } = topic
  switch (step.kind) {
    case 'remove':
      topics.delete(name)
      return [metadataRecord('RemoveTopicRecord', { topicId })]
    case 'change':
      if (partitions === 0) return []
      return [
        metadataRecord('PartitionChangeRecord', {
          partitionId: step.value % partitions,
          topicId,
          ...changes[step.value],
        }),
      ]
    case 'config':
      return [config(2, name, step.value === 0 ? null : String(step.value))]
    case 'grow':
      return [testPartition(topicId, topic.partitions++)]
  }
}

/** A different id for each number. */
export function testUuid(number: number): Uuid {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return bytes.toString('base64url') as Uuid
}

export function testPartition(topicId: Uuid, partitionId: number, leader = 1): MetadataRecord {
  const id = leader as NodeId
  return metadataRecord('PartitionRecord', {
    partitionId,
    topicId,
    replicas: [id],
    isr: [id],
    removingReplicas: [],
    addingReplicas: [],
    leader: id,
    leaderEpoch: 0 as LeaderEpoch,
    partitionEpoch: 0,
    directories: [],
  })
}

export function testBroker(
  id: number,
  fields: {
    brokerEpoch?: number
    fenced?: boolean
    rack?: string | null
    logDirs?: Uuid[]
    inControlledShutdown?: boolean
  } = {},
): MetadataRecord {
  return metadataRecord('RegisterBrokerRecord', {
    brokerId: id as NodeId,
    incarnationId: testUuid(1000 + id),
    brokerEpoch: 1,
    endPoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092 + id, securityProtocol: 0 }],
    features: [],
    rack: null,
    fenced: false,
    ...fields,
  })
}
