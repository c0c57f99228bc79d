import { expect, test } from 'vitest'
import {
  type BrokerConfigSources,
  ConfigSource,
  effectiveBrokerConfig,
  effectiveTopicConfig,
  resolveTopicConfig,
} from '../../src/config/effective-config.ts'
import { intKey } from '../../src/config/config-key.ts'
import { topicConfigTable } from '../../src/config/topic-config-keys.ts'

type Entries = Record<string, string>
const sources = (
  broker: Entries = {},
  allBrokers: Entries = {},
  fixed: Entries = {},
): BrokerConfigSources => ({
  broker: new Map(Object.entries(broker)),
  allBrokers: new Map(Object.entries(allBrokers)),
  static: new Map(Object.entries(fixed)),
})
const effective = (name: string, topic: Entries, broker: BrokerConfigSources) =>
  effectiveTopicConfig(name, topicConfigTable.key(name)!, new Map(Object.entries(topic)), broker)

test('the most specific source wins, and all that are set are listed in order', () => {
  const broker = sources(
    { 'log.retention.bytes': '2' },
    { 'log.retention.bytes': '3' },
    { 'log.retention.bytes': '4' },
  )
  const config = effective('retention.bytes', { 'retention.bytes': '1' }, broker)
  expect(config).toMatchObject({ value: '1', source: ConfigSource.TOPIC })
  expect(config.synonyms).toEqual([
    { name: 'retention.bytes', value: '1', source: ConfigSource.TOPIC },
    { name: 'log.retention.bytes', value: '2', source: ConfigSource.DYNAMIC_BROKER },
    { name: 'log.retention.bytes', value: '3', source: ConfigSource.DYNAMIC_DEFAULT_BROKER },
    { name: 'log.retention.bytes', value: '4', source: ConfigSource.STATIC_BROKER },
    { name: 'log.retention.bytes', value: '-1', source: ConfigSource.DEFAULT },
  ])
  expect(effective('retention.bytes', {}, broker)).toMatchObject({
    value: '2',
    source: ConfigSource.DYNAMIC_BROKER,
  })
})

test('hours and minutes of the broker are milliseconds of the topic, and the finer unit wins', () => {
  const hours = sources({}, {}, { 'log.retention.hours': '2' })
  expect(effective('retention.ms', {}, hours)).toMatchObject({
    value: '7200000',
    source: ConfigSource.STATIC_BROKER,
  })
  const both = sources({}, {}, { 'log.retention.hours': '2', 'log.retention.minutes': '3' })
  expect(effective('retention.ms', {}, both).value).toBe('180000')
  const endless = sources({}, {}, { 'log.retention.hours': '-1' })
  expect(effective('retention.ms', {}, endless).value).toBe('-1')
  expect(resolveTopicConfig(new Map(), hours)['retention.ms']).toBe(7_200_000)
})

test('a default is a synonym only where one broker key carries it', () => {
  expect(effective('retention.ms', {}, sources())).toMatchObject({
    value: '604800000',
    source: ConfigSource.DEFAULT,
    synonyms: [],
  })
  expect(effective('segment.bytes', {}, sources()).synonyms).toEqual([
    { name: 'log.segment.bytes', value: '1073741824', source: ConfigSource.DEFAULT },
  ])
  expect(effective('leader.replication.throttled.replicas', {}, sources()).synonyms).toEqual([])
})

test('the typed configuration takes the value that DescribeConfigs shows', () => {
  const broker = sources({}, { 'min.insync.replicas': '2' }, { 'log.cleanup.policy': 'compact' })
  const config = resolveTopicConfig(new Map([['retention.ms', '5']]), broker)
  expect(config['retention.ms']).toBe(5)
  expect(config['min.insync.replicas']).toBe(2)
  expect(config['cleanup.policy']).toEqual(['compact'])
  expect(config['flush.policy']).toBe('commit')
})

test("a broker's own key shows its chain, too", () => {
  const key = intKey({ default: 1, text: '' })
  expect(
    effectiveBrokerConfig('num.partitions', key, sources({}, {}, { 'num.partitions': '6' })),
  ).toMatchObject({
    value: '6',
    source: ConfigSource.STATIC_BROKER,
    synonyms: [{ value: '6' }, { value: '1', source: ConfigSource.DEFAULT }],
  })
})
