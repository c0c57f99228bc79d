/** Voters that come, go and move, asked for over the wire (KIP-853, KIP-1186). */
import type { NodeId, Uuid } from '@millrace/base'
import type { ResponseInputOf } from '@millrace/protocol'
import type { Voter } from '@millrace/raft'
import { expect, test } from 'vitest'
import { QuorumCluster, type QuorumNode } from './quorum-cluster.ts'
import { topicRecords, uuid } from './rig.ts'

const TIMEOUT_MS = 2000

/** As the leader describes the voters: node, directory, port. */
function votersOf({ quorum }: QuorumNode): (readonly [number, Uuid | undefined, number | undefined])[] {
  const request = { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }
  const described = quorum.handlers.DescribeQuorum(
    request,
    null as never,
  ) as ResponseInputOf<'DescribeQuorum'>
  const ports = new Map(described.nodes?.map(({ nodeId, listeners }) => [nodeId, listeners[0]?.port]))
  return described.topics[0]!.partitions[0]!.currentVoters.map(
    ({ replicaId, replicaDirectoryId }) => [replicaId, replicaDirectoryId, ports.get(replicaId)] as const,
  ).toSorted(([a], [b]) => a - b)
}

function voter(id: number, directoryId = uuid(id), port = 9000 + id): Voter {
  return { id: id as NodeId, directoryId, endpoint: { host: '127.0.0.1', port } }
}

const configured = (...ids: number[]) => ids.map((id) => [id, uuid(id), 9000 + id])

async function quorumOfThree() {
  const cluster = new QuorumCluster([1, 2, 3])
  await cluster.startAll()
  const leader = await cluster.electedLeader()
  await cluster.settled(leader.quorum.append(topicRecords(0)))
  return { cluster, leader, others: [1, 2, 3].filter((id) => id !== leader.id) as [number, number] }
}

test('a controller that has caught up is added, and from then on its vote is needed and counts', async () => {
  const { cluster, leader, others } = await quorumOfThree()
  await cluster.start(4, { canVote: true })
  await cluster.until(() => cluster.node(4).topics.length === 1)
  const request = { kind: 'add-voter', voter: voter(4), timeoutMs: TIMEOUT_MS } as const
  expect(await cluster.ask(leader.id, request)).toMatchObject({ error: 'NONE' })
  expect(votersOf(leader)).toEqual(configured(1, 2, 3, 4))
  expect(await cluster.ask(leader.id, request)).toMatchObject({ error: 'DUPLICATE_VOTER' })

  // Three of four: with the new one there is a majority, without it there is none.
  await cluster.kill(others[0])
  await cluster.settled(leader.quorum.append(topicRecords(1)))
  await cluster.kill(4)
  const lost = leader.quorum.append(topicRecords(2))
  await expect(cluster.settled(lost)).rejects.toThrow('lost')
})

test('a controller that is not there is not added, and the quorum is none the worse for it', async () => {
  const { cluster, leader } = await quorumOfThree()
  const request = { kind: 'add-voter', voter: voter(4), timeoutMs: 300 } as const
  expect(await cluster.ask(leader.id, request)).toMatchObject({ error: 'REQUEST_TIMED_OUT' })
  expect(votersOf(leader)).toEqual(configured(1, 2, 3))
  await cluster.settled(leader.quorum.append(topicRecords(1)))
})

test('a voter is removed, and only the right one; the leader removes itself and is followed by another', async () => {
  const { cluster, leader, others } = await quorumOfThree()
  const remove = (id: number, directoryId = uuid(id)) =>
    cluster.ask(cluster.active!.id, {
      kind: 'remove-voter',
      voter: { id: id as NodeId, directoryId },
      timeoutMs: TIMEOUT_MS,
      onlyIfSilent: false,
    })
  expect(await remove(others[0], uuid(77))).toMatchObject({ error: 'VOTER_NOT_FOUND' })
  expect(await remove(others[0])).toMatchObject({ error: 'NONE' })
  const left = [leader.id, others[1]].toSorted((a, b) => a - b)
  expect(votersOf(leader)).toEqual(configured(...left))

  expect(await remove(leader.id)).toMatchObject({ error: 'NONE' })
  await cluster.until(() => cluster.active?.id === others[1])
  expect(votersOf(cluster.active!)).toEqual(configured(others[1]))
  await cluster.settled(cluster.active!.quorum.append(topicRecords(1)))
  // Those that are no voters any more still follow.
  await cluster.until(() => [...cluster.nodes.values()].every(({ topics }) => topics.length === 2))
})

test('others than the leader say who leads instead of changing anything', async () => {
  const { cluster, leader, others } = await quorumOfThree()
  const request = {
    kind: 'remove-voter',
    voter: voter(leader.id),
    timeoutMs: TIMEOUT_MS,
    onlyIfSilent: false,
  } as const
  expect(await cluster.ask(others[0], request)).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
  expect(votersOf(leader)).toEqual(configured(1, 2, 3))
})

test('a voter that comes back at another address has it corrected by itself (UpdateRaftVoter)', async () => {
  const { cluster, leader, others } = await quorumOfThree()
  const [moved] = others
  await cluster.stop(moved)
  await cluster.start(moved, { port: 9900 })
  await cluster.until(() => votersOf(leader).some(([id, , port]) => id === moved && port === 9900))
  // Where it is now, the others find it: it votes for the next leader.
  await cluster.kill(leader.id)
  const next = await cluster.electedLeader()
  await cluster.settled(next.quorum.append(topicRecords(1)))
  const outdated = { kind: 'update-voter', epoch: 1, voter: voter(moved) } as const
  expect(await cluster.ask(others[1], outdated)).toMatchObject({ error: 'FENCED_LEADER_EPOCH' })
})

test('a wiped voter joins by itself with its new disk, in the place of the old one', async () => {
  const cluster = new QuorumCluster([1, 2, 3])
  const config = { autoJoin: true }
  for (const id of [1, 2, 3]) await cluster.start(id, { config })
  const leader = await cluster.electedLeader()
  await cluster.settled(leader.quorum.append(topicRecords(0)))
  const [wiped, other] = [1, 2, 3].filter((id) => id !== leader.id) as [number, number]
  await cluster.kill(wiped)
  cluster.wipe(wiped)
  await cluster.start(wiped, { config, directoryId: uuid(70) })
  await cluster.until(() => votersOf(leader).some(([, directoryId]) => directoryId === uuid(70)))
  expect(votersOf(leader).map(([id]) => id)).toEqual([1, 2, 3])

  await cluster.kill(other)
  await cluster.settled(leader.quorum.append(topicRecords(1)))
  await cluster.until(() => cluster.node(wiped).topics.length === 2)
})
