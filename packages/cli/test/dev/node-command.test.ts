import { expect, test } from 'vitest'
import { planCluster } from '../../src/dev/dev-plan.ts'
import { nodeArguments } from '../../src/dev/node-command.ts'

test('a node gets all that it must know on its command line, and the settings of the user win', () => {
  const state = planCluster(null, { controllers: 1, brokers: 1, basePort: 20_000 }, 'z_C17miJQMSscyP1Bnp2kQ')
  const node = state.nodes.find(({ id }) => id === 1)!
  const settings = new Map([
    ['shards', '2'],
    ['log.retention.ms', '1000'],
  ])
  const args = nodeArguments({ node, state, data: '/data/broker-1', settings }).join(' ')
  expect(args).toMatch(
    /^broker --stop-with-parent --node-id 1 --listen 127\.0\.0\.1:20000 --data \/data\/broker-1 /,
  )
  expect(args).toContain('--controllers 101@127.0.0.1:20100 --cluster-id z_C17miJQMSscyP1Bnp2kQ')
  expect(args).toContain('--set shards=2')
  expect(args).toContain('--set log.retention.ms=1000')
  expect(args).not.toContain('shards=0')
  expect(args).not.toContain('flush.policy')
})
