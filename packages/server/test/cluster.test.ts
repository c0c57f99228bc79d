import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Admin } from '../../client/src/index.ts'
import { type ClusterNode, type RunningCluster, startCluster } from '../src/cluster.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const brokersOf = ({ nodes }: RunningCluster) => nodes.filter(({ role }) => role === 'broker')
const controllersOf = ({ nodes }: RunningCluster) => nodes.filter(({ role }) => role === 'controller')

function activeOf(cluster: RunningCluster): ClusterNode | undefined {
  return controllersOf(cluster).find(({ server }) => server?.quorum.isActive)
}

/** Waits until what running nodes have applied satisfies `condition`; told after every commit and election. */
async function until(cluster: RunningCluster, condition: () => boolean): Promise<void> {
  if (condition()) return
  await new Promise<void>((resolve) => {
    const ends: (() => void)[] = []
    const look = (): void => {
      if (!condition()) return
      for (const end of ends) end()
      resolve()
    }
    for (const { server } of cluster.nodes) {
      if (server !== null) ends.push(server.quorum.subscribe(look), server.quorum.onLeaderChange(look))
    }
  })
}

const knows = (node: ClusterNode, topic: string): boolean =>
  node.server!.quorum.image.topics.byName(topic) !== undefined

const isFenced = (seenBy: ClusterNode, id: number): boolean | undefined =>
  [...seenBy.server!.quorum.image.brokers.values()].find((broker) => broker.id === id)?.fenced

function directoryIdOf({ data }: ClusterNode): string {
  const [, id] = /^directory\.id=(.*)$/m.exec(readFileSync(join(data, 'meta.properties'), 'utf8'))!
  return id!
}

async function topicsAt(node: ClusterNode): Promise<string[]> {
  await using admin = new Admin({ bootstrap: node.listen })
  return (await admin.listTopics()).map(({ name }) => name).sort()
}

async function create(at: ClusterNode, name: string, partitions = 3): Promise<void> {
  await using admin = new Admin({ bootstrap: at.listen })
  await admin.createTopics([{ name, partitions }])
}

describe('a cluster in one process', { timeout: 30_000 }, () => {
  test('has its brokers serve, and every one of them takes changes that all know once they are answered', async () => {
    await using cluster = await startCluster()
    expect(brokersOf(cluster).map(({ id }) => id)).toEqual([1, 2, 3])
    expect(controllersOf(cluster).map(({ id }) => id)).toEqual([101, 102, 103])
    expect(cluster.bootstrap).toBe(
      brokersOf(cluster)
        .map(({ listen }) => listen)
        .join(','),
    )
    for (const broker of brokersOf(cluster)) {
      const name = `by-${broker.id}`
      await create(broker, name)
      expect(brokersOf(cluster).map((node) => knows(node, name))).toEqual([true, true, true])
    }
    for (const broker of brokersOf(cluster)) expect(await topicsAt(broker)).toEqual(['by-1', 'by-2', 'by-3'])
    await using admin = new Admin({ bootstrap: cluster.bootstrap })
    const [topic] = await admin.describeTopics(['by-1'])
    expect(new Set(topic!.partitions.map(({ leader }) => leader)).size).toBe(3)
  })

  test('elects another controller when the active one stops, and goes on deciding', async () => {
    await using cluster = await startCluster()
    const [broker] = brokersOf(cluster)
    await create(broker!, 'before')
    const old = activeOf(cluster)!
    await cluster.stop(old.id)
    await create(broker!, 'after')
    expect(activeOf(cluster)!.id).not.toBe(old.id)
    await cluster.restart(old.id)
    await until(cluster, () => knows(old, 'after'))
    expect(await topicsAt(broker!)).toEqual(['after', 'before'])
  })

  test('moves leaderships away from a broker that stops, and gives them back', async () => {
    await using cluster = await startCluster({ brokers: 2 })
    const [first, second] = brokersOf(cluster) as [ClusterNode, ClusterNode]
    await create(first, 't', 4)
    await cluster.stop(second.id)
    await until(cluster, () => isFenced(first, 2) === true)
    await using admin = new Admin({ bootstrap: first.listen })
    expect((await admin.describeCluster()).brokers.map(({ nodeId }) => nodeId)).toEqual([1])
    await cluster.restart(second.id)
    await until(cluster, () => isFenced(first, 2) === false)
    const image = first.server!.quorum.image.topics.byName('t')!
    expect(new Set(image.partitions.map(({ leader }) => leader))).toEqual(new Set([1, 2]))
  })

  test('comes back at its addresses with everything in its folder', async () => {
    const first = await startCluster({ data: folder, brokers: 2 })
    await create(brokersOf(first)[0]!, 'kept')
    const clusterId = first.nodes[0]!.server!.clusterId
    await first.close()
    await first.close()
    await using second = await startCluster({ data: folder, brokers: 2 })
    expect(second.bootstrap).toBe(first.bootstrap)
    expect(second.nodes[0]!.server!.clusterId).toBe(clusterId)
    for (const broker of brokersOf(second)) expect(await topicsAt(broker)).toEqual(['kept'])
    expect(existsSync(join(folder, 'broker-1', 'meta.properties'))).toBe(true)
  })

  test('restarts all nodes at once', async () => {
    await using cluster = await startCluster({ brokers: 2 })
    await create(brokersOf(cluster)[0]!, 'kept')
    await Promise.all(cluster.nodes.map(({ id }) => cluster.stop(id)))
    await Promise.all(cluster.nodes.map(({ id }) => cluster.restart(id)))
    for (const broker of brokersOf(cluster)) expect(await topicsAt(broker)).toEqual(['kept'])
  })

  test('makes a controller whose disk was lost a voter again, which counts when another one goes', async () => {
    await using cluster = await startCluster({ brokers: 1 })
    const [broker] = brokersOf(cluster) as [ClusterNode]
    await create(broker, 'before')
    const active = activeOf(cluster)!
    const victim = controllersOf(cluster).find(({ id }) => id !== active.id)!
    await cluster.stop(victim.id)
    rmSync(victim.data, { recursive: true })
    await cluster.restart(victim.id)
    await using admin = new Admin({ bootstrap: cluster.bootstrap })
    const directoryId = directoryIdOf(victim)
    while (!(await admin.describeQuorum()).voters.some((voter) => voter.directoryId === directoryId)) {
      // Each answer takes a round trip; that it becomes a voter is not committed as a record of the metadata.
    }
    await until(cluster, () => knows(victim, 'before'))
    await cluster.stop(active.id)
    await create(broker, 'after')
    expect(await topicsAt(broker)).toEqual(['after', 'before'])
  })

  test('leaves nothing behind when it was not told where', async () => {
    const cluster = await startCluster({ controllers: 1, brokers: 1 })
    const { data } = cluster.nodes[0]!
    expect(existsSync(data)).toBe(true)
    await cluster.close()
    expect(existsSync(data)).toBe(false)
  })

  test('passes settings on to its nodes, and says what is wrong with them', async () => {
    await expect(startCluster({ settings: { 'num.partitons': 1 } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    await using cluster = await startCluster({
      controllers: 1,
      brokers: 1,
      settings: { 'num.partitions': 5 },
    })
    await using admin = new Admin({ bootstrap: cluster.bootstrap })
    await admin.createTopics([{ name: 't' }])
    expect((await admin.describeTopics(['t']))[0]!.partitions.length).toBe(5)
  })
})
