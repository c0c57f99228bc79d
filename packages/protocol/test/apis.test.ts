import { describe, expect, expectTypeOf, it } from 'vitest'
import type { LeaderEpoch, NodeId, Offset, TimestampMs, Uuid } from '@millrace/base'
import { advertisedVersions, apiNameOf, apiNames, apiOf, isServedOn } from '../src/apis.ts'
import type { ApiName, BrokerApiName, ControllerApiName } from '../src/apis.ts'
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from '../src/apis.ts'
import { NO_RESPONSE, type ControllerHandlers, type Handlers } from '../src/handlers.ts'
import type { ProduceRequest } from '../src/index.ts'

type OrNull<T> = T | null

describe('the version table', () => {
  const advertised = new Map(
    (['controller', 'broker'] as const)
      .flatMap((listener) => advertisedVersions(listener))
      .map((entry) => [apiNameOf(entry.apiKey), entry]),
  )

  it('advertises exactly what is served, and the old Produce versions that gate compression in librdkafka', () => {
    expect(advertised.size).toBe(apiNames.length)
    for (const name of apiNames) {
      const { served } = apiOf(name)
      const min = name === 'Produce' ? 0 : served.min
      expect(advertised.get(name), name).toMatchObject({ minVersion: min, maxVersion: served.max })
    }
  })

  it('has the overlap that old librdkafka looks for feature by feature', () => {
    const includes = (name: (typeof apiNames)[number], version: number) => {
      const { minVersion, maxVersion } = advertised.get(name)!
      return version >= minVersion && version <= maxVersion
    }
    expect(includes('Produce', 3) && includes('Fetch', 4), 'message format v2').toBe(true)
    expect(includes('Produce', 7) && includes('Fetch', 10), 'zstd').toBe(true)
    expect(includes('ListOffsets', 1), 'offsets by time').toBe(true)
    expect(includes('FindCoordinator', 0), 'lz4').toBe(true)
    expect(includes('Produce', 0), 'gzip, snappy, lz4').toBe(true)
  })

  it("starts at or below the newest Java clients' own minima", () => {
    const minima = {
      Produce: 3,
      Fetch: 4,
      ListOffsets: 1,
      CreateTopics: 2,
      DeleteTopics: 1,
      OffsetForLeaderEpoch: 2,
      DescribeConfigs: 1,
    }
    for (const [name, min] of Object.entries(minima)) {
      const { minVersion, maxVersion } = advertised.get(name as keyof typeof minima)!
      expect(minVersion, name).toBeLessThanOrEqual(min)
      expect(maxVersion, name).toBeGreaterThanOrEqual(min)
    }
  })

  it('offers Fetch by topic id only because Metadata tells topic ids', () => {
    expect(advertised.get('Fetch')!.maxVersion).toBeGreaterThanOrEqual(13)
    expect(advertised.get('Metadata')!.maxVersion).toBeGreaterThanOrEqual(10)
  })

  it('gives each API key to one API', () => {
    expect(new Set(apiNames.map((name) => apiOf(name).key)).size).toBe(apiNames.length)
    for (const name of apiNames) expect(apiNameOf(apiOf(name).key)).toBe(name)
  })
})

describe('a listener', () => {
  const namesOn = (listener: 'broker' | 'controller') =>
    advertisedVersions(listener).map(({ apiKey }) => apiNameOf(apiKey)!)

  it('advertises in the order of the keys what it serves, and nothing else', () => {
    for (const listener of ['broker', 'controller'] as const) {
      const keys = advertisedVersions(listener).map(({ apiKey }) => apiKey)
      expect(keys).toEqual(keys.toSorted((a, b) => a - b))
      expect(new Set(namesOn(listener))).toEqual(
        new Set(apiNames.filter((name) => isServedOn(listener, name))),
      )
    }
  })

  it('of a broker serves clients, and passes on what only the controller can do', () => {
    expect(namesOn('broker')).toEqual([
      'Produce',
      'Fetch',
      'ListOffsets',
      'Metadata',
      'FindCoordinator',
      'ApiVersions',
      'CreateTopics',
      'DeleteTopics',
      'DeleteRecords',
      'InitProducerId',
      'OffsetForLeaderEpoch',
      'DescribeConfigs',
      'DescribeLogDirs',
      'CreatePartitions',
      'ElectLeaders',
      'IncrementalAlterConfigs',
      'AlterPartitionReassignments',
      'ListPartitionReassignments',
      'DescribeQuorum',
      'DescribeCluster',
      'UnregisterBroker',
      'DescribeTopicPartitions',
      'AddRaftVoter',
      'RemoveRaftVoter',
    ])
  })

  it('of a controller serves the quorum, the brokers and administration', () => {
    expect(namesOn('controller')).toEqual([
      'Fetch',
      'ApiVersions',
      'CreateTopics',
      'DeleteTopics',
      'DescribeConfigs',
      'CreatePartitions',
      'ElectLeaders',
      'IncrementalAlterConfigs',
      'AlterPartitionReassignments',
      'ListPartitionReassignments',
      'Vote',
      'BeginQuorumEpoch',
      'EndQuorumEpoch',
      'DescribeQuorum',
      'AlterPartition',
      'FetchSnapshot',
      'DescribeCluster',
      'BrokerRegistration',
      'BrokerHeartbeat',
      'UnregisterBroker',
      'AllocateProducerIds',
      'AddRaftVoter',
      'RemoveRaftVoter',
      'UpdateRaftVoter',
    ])
  })
})

describe('the types of a declaration', () => {
  it('are flat objects with every field when decoded', () => {
    expectTypeOf<ProduceRequest>().toEqualTypeOf<{
      transactionalId: string | null
      acks: number
      timeoutMs: number
      topicData: {
        name: string
        topicId: Uuid
        partitionData: { index: number; records: OrNull<Buffer> }[]
      }[]
    }>()
    expectTypeOf<RequestOf<'Produce'>>().toEqualTypeOf<ProduceRequest>()
    expectTypeOf<ResponseOf<'ListOffsets'>>().toEqualTypeOf<{
      throttleTimeMs: number
      topics: {
        name: string
        partitions: {
          partitionIndex: number
          errorCode: number
          oldStyleOffsets: Offset[]
          timestamp: TimestampMs
          offset: Offset
          leaderEpoch: LeaderEpoch
        }[]
      }[]
    }>()
  })

  it('let fields with a default be left out for encoding', () => {
    expectTypeOf<RequestInputOf<'CreatePartitions'>>().toEqualTypeOf<{
      readonly topics: readonly {
        readonly name: string
        readonly count: number
        readonly assignments?: readonly { readonly brokerIds: readonly NodeId[] }[] | null | undefined
      }[]
      readonly timeoutMs: number
      readonly validateOnly?: boolean | undefined
    }>()
  })

  it('let what was decoded be encoded again', () => {
    expectTypeOf<RequestOf<'Fetch'>>().toExtend<RequestInputOf<'Fetch'>>()
    expectTypeOf<ResponseOf<'Metadata'>>().toExtend<ResponseInputOf<'Metadata'>>()
  })

  it('keep offsets, epochs and ids apart', () => {
    expectTypeOf<RequestOf<'OffsetForLeaderEpoch'>['replicaId']>().toEqualTypeOf<NodeId>()
    expectTypeOf<number>().not.toExtend<RequestOf<'OffsetForLeaderEpoch'>['replicaId']>()
    expectTypeOf<Offset>().not.toExtend<LeaderEpoch>()
  })
})

describe('the list of handlers', () => {
  type AllBut<N extends string> = Omit<Handlers<null>, N>

  it('is complete only with a handler for each API', () => {
    expectTypeOf<Handlers<null>>().toExtend<Handlers<null>>()
    expectTypeOf<AllBut<'Metadata'>>().not.toExtend<Handlers<null>>()
    expectTypeOf<keyof Handlers<null>>().toEqualTypeOf<BrokerApiName>()
    expectTypeOf<keyof ControllerHandlers<null>>().toEqualTypeOf<ControllerApiName>()
    expectTypeOf<BrokerApiName | ControllerApiName>().toEqualTypeOf<ApiName>()
    expectTypeOf<Omit<ControllerHandlers<null>, 'Vote'>>().not.toExtend<ControllerHandlers<null>>()
  })

  it('asks a broker for nothing that only controllers serve, and the other way round', () => {
    expectTypeOf<'Vote'>().not.toExtend<BrokerApiName>()
    expectTypeOf<'Produce'>().not.toExtend<ControllerApiName>()
    expectTypeOf<'DescribeQuorum'>().toExtend<BrokerApiName & ControllerApiName>()
  })

  it('takes responses, promises of them, and the absence of one', () => {
    const produce: Handlers<{ now: number }>['Produce'] = (request, { now }) =>
      request.acks === 0 ? NO_RESPONSE : Promise.resolve({ responses: [], throttleTimeMs: now })
    const request = { transactionalId: null, acks: 0, timeoutMs: 1, topicData: [] }
    expect(produce(request, { now: 1 })).toBe(NO_RESPONSE)
  })
})
