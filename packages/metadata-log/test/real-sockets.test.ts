/** The quorum over sockets of this machine, and on its disk: what the virtual network and disk may have wrong. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint, NodeId, Offset } from '@millrace/base'
import { nodeEnv } from '@millrace/base/node'
import { type Dispatch, type RequestContext, Server } from '@millrace/net'
import { advertisedVersions } from '@millrace/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { type BootstrapVoter, MetadataQuorum } from '../src/index.ts'
import { topicNumbers, topicRecords, uuid } from './rig.ts'

const ids = [1, 2, 3] as NodeId[]

const config = {
  fetchTimeoutMs: 1000,
  electionTimeoutMs: 500,
  electionBackoffMaxMs: 300,
  requestTimeoutMs: 1000,
  fetchMaxWaitMs: 500,
  snapshotBytes: 2 ** 24,
  snapshotIntervalMs: 3_600_000,
  segmentBytes: 2 ** 20,
  autoJoin: false,
}

interface Node {
  readonly id: NodeId
  readonly server: Server
  readonly endpoint: Endpoint
  quorum: MetadataQuorum | null
}

/** Listens before there is a quorum, so that all know each other's ports. */
async function listening(id: NodeId): Promise<Node> {
  const dispatch: Dispatch = (request, context) => {
    if (request.api === 'ApiVersions') return { apiKeys: advertisedVersions('controller') }
    const handlers = node.quorum!.handlers
    const handler = handlers[request.api as keyof typeof handlers] as (
      body: unknown,
      context: RequestContext,
    ) => ReturnType<Dispatch>
    return handler(request.body, context)
  }
  const server = new Server({ env: nodeEnv(), dispatch })
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0, name: 'controller' })
  const node: Node = { id, server, endpoint, quorum: null }
  return node
}

async function open(node: Node, folder: string, bootstrapVoters: BootstrapVoter[]): Promise<void> {
  const { id, endpoint } = node
  const env = nodeEnv()
  const dataDirectory = join(folder, String(id))
  env.disk.mkdir(dataDirectory)
  node.quorum = await MetadataQuorum.open({
    env,
    dataDirectory,
    clusterId: 'cluster',
    nodeId: id,
    directoryId: uuid(id),
    canVote: true,
    bootstrapVoters,
    listener: endpoint,
    config,
  })
}

function activeOf(nodes: readonly Node[]): Promise<Node> {
  return new Promise((resolve) => {
    const ends: (() => void)[] = []
    const look = (): void => {
      const active = nodes.find(({ quorum }) => quorum!.isActive)
      if (active === undefined) return
      for (const end of ends) end()
      resolve(active)
    }
    for (const { quorum } of nodes) ends.push(quorum!.onLeaderChange(look))
    look()
  })
}

test('three replicas elect, commit, apply everywhere, and hand over', { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-quorum-'))
  const nodes = await Promise.all(ids.map(listening))
  onTestFinished(async () => {
    for (const { quorum } of nodes) await quorum?.close()
    await Promise.all(nodes.map(({ server }) => server.close(1000)))
    rmSync(folder, { recursive: true })
  })
  const voters = nodes.map(({ id, endpoint }) => ({ id, ...endpoint }))
  for (const node of nodes) await open(node, folder, voters)
  for (const { quorum } of nodes) quorum!.start()

  const first = await activeOf(nodes)
  const { epoch } = first.quorum!.leader
  let last = 0 as Offset
  for (let number = 0; number < 20; number++) last = await first.quorum!.append(topicRecords(number))
  expect(await first.quorum!.whenApplied(last, ids, 5000)).toBe(true)
  const shown = nodes.map(({ quorum }) => topicNumbers(quorum!.image))
  expect(shown).toEqual(Array(3).fill(Array.from({ length: 20 }, (_, number) => number)))

  await first.quorum!.resign()
  const others = nodes.filter((node) => node !== first)
  const second = await activeOf(others)
  await first.quorum!.close()
  const offset = await second.quorum!.append(topicRecords(20))
  const otherIds = others.map(({ id }) => id)
  expect(await second.quorum!.whenApplied(offset, otherIds, 5000)).toBe(true)
  expect(second.quorum!.leader.epoch).toBeGreaterThan(epoch)
})
