import { nodeId } from '@millrace/base'
import { expect, test } from 'vitest'
import { describeValidValues, formatConfigValue, NO_LIMIT } from '../../src/config/config-key.ts'
import {
  isThrottled,
  replicationThrottleKeys,
  replicationThrottleTable,
  throttledPartitions,
} from '../../src/config/replication-throttle.ts'
import { invalidTopicConfig, topicConfigTable } from '../../src/config/topic-config-keys.ts'

const NAMES = ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'] as const

test('throttled replicas are *, or pairs of partition and broker, as in Kafka', () => {
  for (const name of NAMES) {
    const invalid = (value: string): string | null => invalidTopicConfig(new Map([[name, value]]))
    for (const value of ['', '*', ' * ', '0:1', '0:1, 12:101', '0:1,'])
      expect(invalid(value), value).toBeNull()
    for (const value of ['*,0:1', '0:1,*', '**', '0', '0:', ':1', '0:1:2', '-1:1', '0:1;1:1', 'all']) {
      expect(invalid(value), value).toBe(
        `Invalid value ${value} for configuration ${name}: ${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`,
      )
    }
    expect(describeValidValues(topicConfigTable.key(name)!)).toBe('`*` or `PARTITION:BROKER,…`')
  }
})

test('a broker sees its own partitions in the list, and all in *', () => {
  const throttled = throttledPartitions(['0:1', '1:2', '3:1', ''], nodeId(1))
  expect([0, 1, 2, 3].map((partition) => isThrottled(throttled, partition))).toEqual([
    true,
    false,
    false,
    true,
  ])
  expect(isThrottled(throttledPartitions(['*'], nodeId(7)), 5)).toBe(true)
  expect(isThrottled(throttledPartitions([], nodeId(1)), 0)).toBe(false)
})

test('rates are bytes without a limit unless one is set, and change without a restart', () => {
  const rates = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'] as const
  for (const name of rates) {
    const key = replicationThrottleKeys[name]
    expect(key).toMatchObject({ type: 'long', default: NO_LIMIT, update: 'dynamic' })
    expect(formatConfigValue(key, key.default)).toBe('9223372036854775807')
    expect(replicationThrottleTable.invalidEntry(name, '0')).toBeNull()
    expect(replicationThrottleTable.invalidEntry(name, '-1')).toContain('at least 0')
  }
})
