import { NO_TIMESTAMP, type NodeId, type Offset } from '@millrace/base'
import { ErrorCode, metadataRecord } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { intKey, passwordKey } from '../../src/config/config-key.ts'
import { ConfigTable } from '../../src/config/config-table.ts'
import { describeConfigs } from '../../src/config/describe-configs.ts'
import { topicConfigTable } from '../../src/config/topic-config-keys.ts'
import { MetadataDelta } from '../../src/delta/metadata-delta.ts'
import { MetadataImage } from '../../src/image/metadata-image.ts'
import { testPartition, testUuid } from '../record-history.ts'

const broker = {
  id: 1 as NodeId,
  keys: new ConfigTable({
    'num.partitions': intKey({ default: 1, text: 'How many.' }),
    'log.segment.bytes': intKey({ default: 10, update: 'dynamic', text: '' }),
    'ssl.key.password': passwordKey({ text: '' }),
  }),
  staticEntries: new Map([
    ['num.partitions', '6'],
    ['ssl.key.password', 'canary'],
  ]),
}

const config = (resourceType: number, resourceName: string, name: string, value: string) =>
  metadataRecord('ConfigRecord', { resourceType, resourceName, name, value })

const id = testUuid(1)
const image = new MetadataDelta(MetadataImage.empty('cluster'))
  .replayAll([
    metadataRecord('TopicRecord', { name: 'flights', topicId: id }),
    testPartition(id, 0),
    config(2, 'flights', 'retention.ms', '1000'),
    config(4, '', 'log.segment.bytes', '77'),
  ])
  .apply({ lastOffset: 3 as Offset, epoch: 1, timestampMs: NO_TIMESTAMP })

function describe(resourceType: number, resourceName: string, keys: string[] | null = null, details = false) {
  const request = {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: details,
    includeDocumentation: details,
  }
  return describeConfigs(request, image, broker).results[0]!
}

test('without names all keys of a topic are told, with names exactly those that exist', () => {
  expect(describe(2, 'flights').configs.map(({ name }) => name)).toEqual(topicConfigTable.names)
  expect(describe(2, 'flights', ['retention.ms', 'no.such.key']).configs).toEqual([
    {
      name: 'retention.ms',
      value: '1000',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
      synonyms: [],
      configType: 5,
      documentation: null,
    },
  ])
})

test('synonyms and texts are told when asked for', () => {
  const [entry] = describe(4, '1', ['num.partitions'], true).configs
  expect(entry).toMatchObject({
    value: '6',
    configSource: 4,
    readOnly: true,
    documentation: 'How many.',
    synonyms: [
      { name: 'num.partitions', value: '6', source: 4 },
      { name: 'num.partitions', value: '1', source: 5 },
    ],
  })
})

test('what was set for all brokers shows for each of them, and alone under the empty name', () => {
  expect(describe(4, '1', ['log.segment.bytes']).configs[0]).toMatchObject({
    value: '77',
    configSource: 3,
    readOnly: false,
  })
  expect(describe(4, '').configs.map(({ name, value }) => [name, value])).toEqual([
    ['log.segment.bytes', '77'],
  ])
})

test('a password is never told, not even as a synonym', () => {
  const result = describe(4, '1', ['ssl.key.password'], true)
  expect(result.configs[0]).toMatchObject({ value: null, isSensitive: true, configType: 9 })
  expect(JSON.stringify(result)).not.toContain('canary')
})

test('each bad resource gets its error and no configuration', () => {
  const errorOf = (type: number, name: string) => {
    const { errorCode, errorMessage, configs } = describe(type, name)
    expect(configs).toEqual([])
    expect(errorMessage).not.toBeNull()
    return errorCode
  }
  expect(errorOf(2, 'nowhere')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  expect(errorOf(2, '../x')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
  expect(errorOf(4, '2')).toBe(ErrorCode.INVALID_REQUEST)
  expect(errorOf(4, 'one')).toBe(ErrorCode.INVALID_REQUEST)
  expect(errorOf(8, '1')).toBe(ErrorCode.INVALID_REQUEST)
})
