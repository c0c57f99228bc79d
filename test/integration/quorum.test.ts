/**
 * The quorum under faults, with real processes: topics are created all the while, and every creation that was acknowledged
 * must be there afterwards, on every broker. QUORUM_KILLS sets how many kills of the active controller (default 3).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, type ClusterNode } from '../rig/cluster.ts'
import { TopicLedger } from '../rig/topic-ledger.ts'

const kills = Number(process.env['QUORUM_KILLS'] ?? 3)

/** Runs `fault` while topics are created, then more creations without it, then looks for all of them everywhere. */
async function survives(
  cluster: Cluster,
  prefix: string,
  fault: (ledger: TopicLedger) => Promise<void>,
): Promise<void> {
  const ledger = new TopicLedger(cluster.bootstrap, prefix).start()
  try {
    await ledger.nextAcknowledged(3)
    await fault(ledger)
    await ledger.nextAcknowledged(3)
  } finally {
    await ledger.stop()
  }
  await cluster.allBrokersKnown()
  const bootstraps = cluster.brokers.map(({ publicPort }) => `127.0.0.1:${publicPort}`)
  const verdict = await ledger.verdict(bootstraps)
  expect(ledger.failures).toEqual([])
  expect(verdict.missing).toEqual([])
  expect(verdict.acknowledged).toBeGreaterThan(6)
}

async function active(cluster: Cluster): Promise<ClusterNode> {
  await using admin = cluster.admin()
  return await cluster.activeController(admin)
}

/** Waits until the quorum has another leader than `old`. */
async function anotherLeader(cluster: Cluster, old: ClusterNode): Promise<ClusterNode> {
  await using admin = cluster.admin()
  for (;;) {
    const leader = await cluster.activeController(admin)
    if (leader.id !== old.id) return leader
    await delay(20)
  }
}

describe('three controllers and three brokers as processes', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.start()
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })

  it(`loses no acknowledged topic when the active controller is killed ${kills} times`, async () => {
    await survives(cluster, 'kill', async (ledger) => {
      for (let kill = 0; kill < kills; kill++) {
        const leader = await active(cluster)
        await leader.kill()
        await ledger.nextAcknowledged(2)
        await leader.spawn()
        await leader.listening()
      }
    })
  })

  it('elects another controller while the active one is stopped by SIGSTOP, and the old one steps down', async () => {
    await survives(cluster, 'pause', async (ledger) => {
      const leader = await active(cluster)
      leader.pause()
      try {
        const next = await anotherLeader(cluster, leader)
        await ledger.nextAcknowledged(2)
        leader.resume()
        await ledger.nextAcknowledged(2)
        expect((await active(cluster)).id).toBe(next.id)
      } finally {
        leader.resume()
      }
    })
  })

  it('fences a killed broker, says so to clients, and takes it back', async () => {
    const [victim, witness] = cluster.brokers as [ClusterNode, ClusterNode]
    await survives(cluster, 'fence', async (ledger) => {
      await victim.kill()
      await ledger.nextAcknowledged(2)
      await brokersSeen(witness, cluster.brokers.length - 1)
      await victim.spawn()
      await brokersSeen(witness, cluster.brokers.length)
    })
  })

  it('comes back with all topics when every node is killed at once', async () => {
    await survives(cluster, 'restart', async () => {
      await Promise.all(cluster.nodes.map((node) => node.kill()))
      await cluster.startAll()
    })
  })

  it('takes a controller whose disk was lost back as a voter', async () => {
    await survives(cluster, 'wipe', async (ledger) => {
      const leader = await active(cluster)
      const victim = cluster.controllers.find(({ id }) => id !== leader.id)!
      const lostDirectory = await voterDirectory(cluster, victim)
      await victim.kill()
      victim.wipe()
      await ledger.nextAcknowledged(2)
      await victim.spawn()
      await isVoterAgain(cluster, victim, lostDirectory)
      // With it as a voter the quorum bears the loss of another one.
      await leader.kill()
      await ledger.nextAcknowledged(2)
      await leader.spawn()
    })
  })
})

describe('three controllers and two brokers behind proxies', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.start({ brokers: 2, proxied: true })
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })

  it.each([
    ['the active controller is cut off in both directions', 'both'],
    ['nothing that the active controller sends arrives', 'sends'],
    ['nothing arrives at the active controller', 'receives'],
  ] as const)('elects another controller when %s', async (_title, direction) => {
    await survives(cluster, direction, async (ledger) => {
      const leader = await active(cluster)
      for (const other of cluster.nodes) {
        if (other === leader) continue
        if (direction !== 'receives') cluster.cut(leader, other)
        if (direction !== 'sends') cluster.cut(other, leader)
      }
      try {
        await anotherLeader(cluster, leader)
        await ledger.nextAcknowledged(2)
      } finally {
        cluster.heal()
      }
    })
  })
})

/** Waits until a broker shows so many brokers to clients. */
async function brokersSeen(broker: ClusterNode, count: number): Promise<void> {
  const { Admin } = await import('@millrace/client')
  await using admin = new Admin({ bootstrap: `127.0.0.1:${broker.publicPort}` })
  while ((await admin.describeCluster()).brokers.length !== count) await delay(20)
}

async function voterDirectory(cluster: Cluster, node: ClusterNode): Promise<string> {
  await using admin = cluster.admin()
  const { voters } = await admin.describeQuorum()
  return voters.find(({ id }) => id === node.id)!.directoryId
}

async function isVoterAgain(cluster: Cluster, node: ClusterNode, lostDirectory: string): Promise<void> {
  await using admin = cluster.admin()
  for (;;) {
    const { voters, highWatermark } = await admin.describeQuorum()
    const voter = voters.find(({ id }) => id === node.id)
    if (voter !== undefined && voter.directoryId !== lostDirectory && voter.logEndOffset >= highWatermark)
      return
    await delay(50)
  }
}
