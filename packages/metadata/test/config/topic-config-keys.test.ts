import { expect, test } from 'vitest'
import { parseConfigValue, formatConfigValue } from '../../src/config/config-key.ts'
import { invalidTopicConfig, topicConfigTable } from '../../src/config/topic-config-keys.ts'
import { topicConfigSynonyms, topicDefaultKeys } from '../../src/config/topic-defaults.ts'

const entries = (config: Record<string, string>) => new Map(Object.entries(config))

test("every default is a valid value, and Kafka's", () => {
  for (const [name, key] of topicConfigTable.entries()) {
    const text = formatConfigValue(key, key.default)!
    expect(parseConfigValue(key, text), name).toEqual({ ok: true, value: key.default })
  }
  const kafka = {
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'flush.messages': '9223372036854775807',
    'max.message.bytes': '1048588',
    'message.timestamp.after.max.ms': '3600000',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'min.insync.replicas': '1',
    'retention.bytes': '-1',
    'retention.ms': '604800000',
    'segment.bytes': '1073741824',
    'segment.index.bytes': '10485760',
  }
  for (const [name, text] of Object.entries(kafka)) {
    const key = topicConfigTable.key(name)!
    expect(formatConfigValue(key, key.default), name).toBe(text)
  }
})

test('a configuration is refused for the first thing that is wrong with it', () => {
  expect(
    invalidTopicConfig(entries({ 'retention.ms': '1000', 'cleanup.policy': 'compact,delete' })),
  ).toBeNull()
  expect(invalidTopicConfig(entries({ 'retention.sm': '1000' }))).toContain('Did you mean retention.ms?')
  expect(invalidTopicConfig(entries({ 'message.timestamp.difference.max.ms': '1' }))).toContain('Unknown')
  expect(invalidTopicConfig(entries({ 'retention.ms': 'week' }))).toBe(
    'Invalid value week for configuration retention.ms: Not a number of type LONG',
  )
  expect(invalidTopicConfig(entries({ 'segment.bytes': '1000' }))).toContain('at least 1048576')
  expect(invalidTopicConfig(entries({ 'remote.storage.enable': 'true' }))).toContain('no tiered storage')
})

test('values that are valid alone are refused where they contradict each other', () => {
  expect(invalidTopicConfig(entries({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }))).toBe(
    'min.compaction.lag.ms (10) must not exceed max.compaction.lag.ms (5)',
  )
})

test('each broker key behind a topic key exists, and all but the finest unit can be left unset', () => {
  for (const [name] of topicConfigTable.entries()) {
    for (const synonym of topicConfigSynonyms(name))
      expect(topicDefaultKeys[synonym.name], synonym.name).toBeDefined()
  }
  expect(topicDefaultKeys['log.retention.ms']).toMatchObject({
    default: null,
    nullable: true,
    update: 'dynamic',
  })
  expect(topicDefaultKeys['log.retention.minutes']).toMatchObject({ default: null, nullable: true })
  expect(topicDefaultKeys['log.retention.hours']).toMatchObject({ default: 168, unit: 'hours' })
  expect(topicDefaultKeys['message.max.bytes']).toMatchObject({ type: 'int', default: 1_048_588 })
})
