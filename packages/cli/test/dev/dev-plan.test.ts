import { describe, expect, test } from 'vitest'
import {
  bootstrapText,
  choosePorts,
  formatState,
  parseState,
  planCluster,
  type WantedCluster,
  votersText,
} from '../../src/dev/dev-plan.ts'

const ID = 'z_C17miJQMSscyP1Bnp2kQ'
const ANY: WantedCluster = { controllers: null, brokers: null, basePort: null }

describe('the plan of a cluster', () => {
  test('without wishes is three controllers and three brokers on ports that tell their ids', () => {
    const { clusterId, nodes } = planCluster(null, ANY, ID)
    expect(clusterId).toBe(ID)
    expect(nodes.map(({ id, role, port }) => `${role} ${id} ${port}`)).toEqual([
      'controller 101 9192',
      'controller 102 9193',
      'controller 103 9194',
      'broker 1 9092',
      'broker 2 9093',
      'broker 3 9094',
    ])
    expect(votersText(nodes)).toBe('101@127.0.0.1:9192,102@127.0.0.1:9193,103@127.0.0.1:9194')
    expect(bootstrapText(nodes)).toBe('127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094')
  })

  test('of a folder that has one is that cluster, with its id and its ports', () => {
    const first = planCluster(null, { controllers: 1, brokers: 2, basePort: 20_000 }, ID)
    expect(planCluster(first, ANY, 'another')).toEqual(first)
  })

  test('grows by what is asked for, and moves to another base port', () => {
    const first = planCluster(null, { controllers: 1, brokers: 1, basePort: 20_000 }, ID)
    const grown = planCluster(first, { controllers: 3, brokers: null, basePort: null }, ID)
    expect(grown.nodes.map(({ id }) => id)).toEqual([101, 102, 103, 1])
    expect(grown.nodes.map(({ port }) => port)).toEqual([20_100, 20_101, 20_102, 20_000])
    const moved = planCluster(first, { ...ANY, basePort: 30_000 }, ID)
    expect(moved.nodes.map(({ port }) => port)).toEqual([30_100, 30_000])
  })

  test('never takes a node away, and says how to go on', () => {
    const known = planCluster(null, ANY, ID)
    expect(() => planCluster(known, { ...ANY, brokers: 1 }, ID)).toThrow(
      expect.objectContaining({
        code: 'DEV_CLUSTER_LARGER',
        message: 'the cluster in this folder has 3 brokers, not 1',
        hint: 'Leave --brokers out to start it as it is, or choose another folder with --data.',
      }),
    )
  })
})

describe('ports', () => {
  test('that a stranger has taken are replaced by free ones that no other node has', async () => {
    const { nodes } = planCluster(null, { controllers: 1, brokers: 2, basePort: 20_000 }, ID)
    const offers = [20_001, 40_000, 40_000, 40_001][Symbol.iterator]()
    const chosen = await choosePorts(
      nodes,
      (port) => Promise.resolve(port === 20_001),
      () => Promise.resolve(offers.next().value!),
    )
    expect(chosen.nodes.map(({ id, port }) => [id, port])).toEqual([
      [101, 40_000],
      [1, 40_001],
      [2, 20_001],
    ])
    expect(chosen.moved.map(({ node, from }) => [node.id, from, node.port])).toEqual([
      [101, 20_100, 40_000],
      [1, 20_000, 40_001],
    ])
  })
})

describe('cluster.json', () => {
  const state = planCluster(null, { controllers: 3, brokers: 12, basePort: null }, ID)

  test('brings back what was written', () => {
    expect(parseState(formatState(state))).toEqual(state)
  })

  test.each([
    ['no JSON', '{'],
    ['JSON of something else', '[]'],
    ['no addresses', `{"clusterId":"${ID}"}`],
    ['no cluster id', '{"addresses":{"1":"127.0.0.1:9092","101":"127.0.0.1:9192"}}'],
    ['a cluster id that is none', '{"clusterId":"x","addresses":{"1":"127.0.0.1:1","101":"127.0.0.1:2"}}'],
    ['no controller', `{"clusterId":"${ID}","addresses":{"1":"127.0.0.1:9092"}}`],
    ['a hole', `{"clusterId":"${ID}","addresses":{"1":"127.0.0.1:1","3":"127.0.0.1:3","101":"127.0.0.1:2"}}`],
    ['a port that is none', `{"clusterId":"${ID}","addresses":{"1":"127.0.0.1:0","101":"127.0.0.1:2"}}`],
    ['another host', `{"clusterId":"${ID}","addresses":{"1":"10.0.0.1:1","101":"127.0.0.1:2"}}`],
  ])('with %s is refused', (_what, text) => {
    expect(parseState(text)).toBeNull()
  })
})
