import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeId, Uuid } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import type { ControllerConfig } from '@millrace/controller'
import { ConfigTable, topicDefaultKeys } from '@millrace/metadata'
import { MetadataLog } from '@millrace/metadata-log'
import { ErrorCode, type RequestOf } from '@millrace/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ControllerHost } from '../src/controller-host.ts'

const env = nodeEnv()
const context = { clientId: 'test', apiVersion: 7 }
const config: ControllerConfig = {
  nodeId: 1 as NodeId,
  defaultPartitions: 1,
  defaultReplicationFactor: 1,
  partitionsPerRequestMax: 10_000,
  brokerKeys: new ConfigTable(topicDefaultKeys),
  staticEntries: new Map([['log.retention.hours', '1']]),
}

let folder: string
let metadataLog: MetadataLog
let host: ControllerHost

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-controller-'))
  await open()
})

afterEach(async () => {
  await metadataLog.close()
  rmSync(folder, { recursive: true })
})

async function open(): Promise<void> {
  const { disk, clock, rng, entropy } = env
  const nodeId = config.nodeId
  metadataLog = await MetadataLog.open({
    disk,
    clock,
    log: silentLog,
    dataDirectory: folder,
    clusterId: 'cluster',
    nodeId,
  })
  host = new ControllerHost({ metadataLog, config, rng, entropy, log: silentLog })
  await host.start()
  await host.registerBroker({
    brokerId: nodeId,
    incarnationId: Buffer.from(entropy.bytes(16)).toString('base64url') as Uuid,
    endpoints: [],
    rack: null,
    logDirs: [],
  })
}

function creation(...names: string[]): RequestOf<'CreateTopics'> {
  const topics = names.map((name) => ({
    name,
    numPartitions: 3,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  }))
  return { topics, timeoutMs: 1000, validateOnly: false }
}

const create = (...names: string[]) => host.request('CreateTopics', creation(...names), context)

test('a topic is committed when its creation is answered, and is there after a restart', async () => {
  const { topics } = await create('flights')
  expect(topics[0]).toMatchObject({ errorCode: 0, numPartitions: 3 })
  expect(metadataLog.image.topics.byName('flights')?.id).toBe(topics[0]!.topicId)
  await metadataLog.close()
  await open()
  expect(metadataLog.image.topics.byName('flights')?.id).toBe(topics[0]!.topicId)
})

test('requests at the same time are decided one after another', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => create('same')))
  const codes = answers.map(({ topics }) => topics[0]!.errorCode)
  expect(codes.filter((code) => code === 0).length).toBe(1)
  expect(codes.filter((code) => code === ErrorCode.TOPIC_ALREADY_EXISTS).length).toBe(19)
})

test('"already exists" is answered no sooner than the topic is committed', async () => {
  const created = create('flights')
  const { topics } = await create('flights')
  expect(topics[0]!.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS)
  expect(metadataLog.image.topics.byName('flights')).toBeDefined()
  await created
})

test('configs, partitions and deletion go the same way', async () => {
  await create('flights')
  const change = { name: 'retention.ms', configOperation: 0, value: '5' }
  const resource = { resourceType: 2, resourceName: 'flights' }
  await host.request(
    'IncrementalAlterConfigs',
    { resources: [{ ...resource, configs: [change] }], validateOnly: false },
    context,
  )
  const described = await host.request(
    'DescribeConfigs',
    {
      resources: [{ ...resource, configurationKeys: ['retention.ms', 'segment.ms'] }],
      includeSynonyms: true,
      includeDocumentation: false,
    },
    context,
  )
  expect(described.results[0]!.configs[0]).toMatchObject({
    value: '5',
    synonyms: [{ source: 1 }, { name: 'log.retention.hours', value: '1', source: 4 }],
  })
  const growth = {
    topics: [{ name: 'flights', count: 5, assignments: null }],
    timeoutMs: 1000,
    validateOnly: false,
  }
  expect((await host.request('CreatePartitions', growth, context)).results[0]!.errorCode).toBe(0)
  expect(metadataLog.image.topics.byName('flights')?.partitions.length).toBe(5)
  const removal = { topics: [], topicNames: ['flights'], timeoutMs: 1000 }
  expect((await host.request('DeleteTopics', removal, context)).responses[0]!.errorCode).toBe(0)
  expect(metadataLog.image.topics.size).toBe(0)
})

test('a restarted broker leads its partitions under a higher leader epoch', async () => {
  await create('flights')
  await metadataLog.close()
  await open()
  expect(metadataLog.image.partition('flights', 2)).toMatchObject({ leader: 1, leaderEpoch: 1 })
})

test('the metadata level is written once, at the very beginning', async () => {
  expect(metadataLog.image.features.get('metadata.version')).toBeGreaterThan(0)
  await metadataLog.close()
  await open()
  await metadataLog.close()
  const last = metadataLog.image.position.lastOffset
  await open()
  // One registration and nothing else.
  expect(metadataLog.image.position.lastOffset).toBe(last + 1)
})

test('a change that could not be stored is refused with a storage error', async () => {
  await metadataLog.close()
  const { topics } = await create('flights', 'trains')
  expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
    ['flights', ErrorCode.KAFKA_STORAGE_ERROR],
    ['trains', ErrorCode.KAFKA_STORAGE_ERROR],
  ])
  await open()
})
