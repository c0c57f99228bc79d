import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type ClusterReport,
  nodeStatus,
  reportSummary,
  type RunningNode,
} from '../../src/dev/cluster-view.ts'
import { statusLines } from '../../src/dev/status-block.ts'
import { partitionCounts } from '../../src/hosted-partitions.ts'
import { broker, quorum, replica, topic } from '../quorum-descriptions.ts'

beforeEach(() => void vi.stubEnv('NO_COLOR', '1'))
afterEach(() => void vi.unstubAllEnvs())

const nodes: RunningNode[] = [
  { id: 101, role: 'controller', listen: '127.0.0.1:9192', pid: 11 },
  { id: 102, role: 'controller', listen: '127.0.0.1:9193', pid: 12 },
  { id: 1, role: 'broker', listen: '127.0.0.1:9092', pid: 21 },
  { id: 2, role: 'broker', listen: '127.0.0.1:9093', pid: 22 },
]
const report: ClusterReport = {
  brokers: [broker(1), broker(2, true)],
  quorum: quorum([101, 102], [replica(1, { lag: 1500 }), replica(2, { lag: null })]),
  partitions: partitionCounts([topic('a', [[1], [1], [-1, 2]])]),
}
const SILENCE: ClusterReport = { brokers: null, quorum: null, partitions: null }

describe('the status of a cluster', () => {
  test('shows who leads, what each node does, and what has no leader', () => {
    expect(statusLines(nodes, report)).toEqual([
      'quorum  leader 101, epoch 4, high watermark 1,234, 2 voters',
      'topics  1 topic, 3 partitions, 1 without a leader',
      '',
      'NODE            STATE   LISTENS ON      PID  LEADS    LAG',
      'controller 101  leader  127.0.0.1:9192   11             0',
      'controller 102  voter   127.0.0.1:9193   12             0',
      'broker 1        up      127.0.0.1:9092   21      2  1,500',
      'broker 2        fenced  127.0.0.1:9093   22      0',
    ])
  })

  test('says that nobody answers instead of guessing', () => {
    const lines = statusLines(nodes, SILENCE)
    expect(lines.slice(0, 2)).toEqual([
      'quorum  no leader: a majority of the controllers must run',
      'topics  no broker answers',
    ])
    expect(lines.slice(4).every((line) => line.includes('unknown'))).toBe(true)
  })

  test.each([
    ['a process that has ended', { ...nodes[2]!, pid: null }, 'down'],
    ['a broker that is not registered', { ...nodes[2]!, id: 3 }, 'starting'],
    ['a controller that nobody has heard of', { ...nodes[0]!, id: 104 }, 'starting'],
  ])('has a word for %s', (_what, node, state) => {
    expect(nodeStatus(node, report).state).toBe(state)
  })

  test('tells a controller without a vote from one that has it', () => {
    const observed = { ...report, quorum: quorum([101], [replica(102)]) }
    expect(nodeStatus(nodes[1]!, observed).state).toBe('observer')
  })

  test('is summed up in a line that changes with leader and brokers, not with every record', () => {
    const summary = reportSummary(nodes, report)
    expect(summary).toBe('quorum: leader 101, epoch 4; brokers: 1 of 2 up, broker 2 fenced')
    const written = { ...report, quorum: { ...report.quorum!, highWatermark: 9999 as never } }
    expect(reportSummary(nodes, written)).toBe(summary)
    expect(reportSummary(nodes, SILENCE)).toBe('quorum: no leader; brokers: 0 of 2 up')
  })
})
