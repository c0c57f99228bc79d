import { nodeId } from '@millrace/base'
import { describe, expect, test } from 'vitest'
import { lagText, rowsOf, stateText } from '../../src/partitions/partition-row.ts'
import { topic } from '../quorum-descriptions.ts'

const moving = (adding: number[], removing: number[]) => ({
  topic: 't',
  partition: 0,
  replicas: [],
  addingReplicas: adding.map(nodeId),
  removingReplicas: removing.map(nodeId),
})

/** Partition 0 of t, led by 1 on 1, 2 and 3, with changes. */
function row(changes: object = {}, ongoing: ReturnType<typeof moving>[] = []) {
  const described = topic('t', [[1, 2, 3]])
  return rowsOf(
    [{ ...described, partitions: [{ ...described.partitions[0]!, ...changes }] }],
    ongoing,
    [],
  )[0]!
}

describe('the state of a partition', () => {
  test.each([
    ['', row()],
    ['no leader, under-replicated', row({ leader: -1, isr: [] })],
    ['under-replicated', row({ isr: [1, 2] })],
    ['not preferred', row({ leader: 2 })],
    ['moving +3', row({ isr: [1, 2] }, [moving([3], [])])],
    ['under-replicated, moving +3 \u22122', row({ isr: [1] }, [moving([3], [2])])],
  ])('is %j', (text, described) => {
    expect(stateText(described)).toBe(text)
  })
})

describe('the lag of a partition', () => {
  const lags = (...pairs: [number, number][]) => pairs.map(([broker, lag]) => ({ broker, lag }))

  test.each([
    ['nothing where there is one replica', { replicas: [1] }, ''],
    ['not known', {}, '?'],
    ['known of some only', { lags: lags([2, 0]) }, '?'],
    ['none', { lags: lags([2, 0], [3, 0]) }, '0'],
    ['of those that lack records', { lags: lags([2, 0], [3, 1204]) }, '3:1,204'],
  ])('is %s', (_what, changes, text) => {
    expect(lagText({ ...row(), ...changes } as ReturnType<typeof row>)).toBe(text)
  })

  test('comes from what brokers tell of each replica', () => {
    const replica = { topic: 't', partition: 0, sizeBytes: null }
    const replicas = [
      { ...replica, broker: nodeId(3), lag: 5 },
      { ...replica, broker: nodeId(2), lag: 0 },
      { ...replica, broker: nodeId(1), lag: null },
    ]
    expect(rowsOf([topic('t', [[1, 2, 3]])], [], replicas)[0]!.lags).toEqual([
      { broker: 2, lag: 0 },
      { broker: 3, lag: 5 },
    ])
  })
})
