import { describe, expect, it } from 'vitest'
import { brokerConfigSources, MetadataImage, resolveTopicConfig } from '@millrace/metadata'
import { batchLimitsAt, topicSettings } from '../../src/topics/topic-settings.ts'
import { NODE } from '../support/local-metadata.ts'

const NOW_MS = 1_700_000_000_000

function settings(
  entries: Readonly<Record<string, string>>,
  ofBroker: Readonly<Record<string, string>> = {},
) {
  const sources = brokerConfigSources(MetadataImage.empty('test'), NODE, new Map(Object.entries(ofBroker)))
  return topicSettings(resolveTopicConfig(new Map(Object.entries(entries)), sources), NODE)
}

describe('topicSettings', () => {
  it("takes the broker's own setting as the topic's default, and the topic's before it", () => {
    expect(settings({}).flushPolicy).toBe('commit')
    expect(settings({}, { 'log.flush.policy': 'os' }).flushPolicy).toBe('os')
    expect(settings({ 'flush.policy': 'interval' }, { 'log.flush.policy': 'os' }).flushPolicy).toBe(
      'interval',
    )
  })

  it('demands keys of the records of a compacted topic only', () => {
    expect(settings({}).batchLimits.requireKey).toBe(false)
    expect(settings({ 'cleanup.policy': 'compact' }).batchLimits.requireKey).toBe(true)
    expect(settings({ 'cleanup.policy': 'compact,delete' }).batchLimits.requireKey).toBe(true)
  })

  it('flushes at least once a second under `interval` when no interval is set', () => {
    expect(settings({ 'flush.policy': 'interval' }).flushMs).toBe(1000)
    expect(settings({ 'flush.policy': 'interval', 'flush.ms': '20' }).flushMs).toBe(20)
  })
})

describe('batchLimitsAt', () => {
  it('bounds timestamps around the present where the topic says so', () => {
    const limits = batchLimitsAt(
      settings({ 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '5' }),
      NOW_MS,
    )
    expect(limits).toMatchObject({ minTimestamp: NOW_MS - 1000, maxTimestamp: NOW_MS + 5 })
  })

  it('does not look at the timestamps that it replaces', () => {
    const limits = batchLimitsAt(
      settings({ 'message.timestamp.type': 'LogAppendTime', 'message.timestamp.after.max.ms': '5' }),
      NOW_MS,
    )
    expect(limits.minTimestamp).toBeUndefined()
    expect(limits.maxTimestamp).toBeUndefined()
  })
})
