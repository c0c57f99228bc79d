import { DiskError, type LeaderEpoch, type NodeId, type Offset } from '@millrace/base'
import { metadataRecord } from '@millrace/protocol'
import type { FetchRequest } from '@millrace/raft'
import { RecordBatchView } from '@millrace/record'
import { describe, expect, test } from 'vitest'
import { encodeMetadataBatch } from '../src/metadata-batch.ts'
import { MetadataLogError } from '../src/metadata-log-error.ts'
import { NotControllerError } from '../src/not-controller-error.ts'
import { QuorumCluster } from './quorum-cluster.ts'
import { topicRecords, uuid } from './rig.ts'
import { diskSilentOn } from './stopping-disk.ts'

const FOLDER = '/data/__cluster_metadata-0'
const SEGMENT = `${FOLDER}/00000000000000000000.log`
const ids = (...nodes: number[]) => nodes as NodeId[]

function fetchOf(id: number, epoch: number, fetchOffset: number): FetchRequest {
  return {
    kind: 'fetch',
    replica: { id: id as NodeId, directoryId: uuid(id) },
    epoch,
    fetchOffset: fetchOffset as Offset,
    lastFetchedEpoch: epoch,
    appliedOffset: fetchOffset as Offset,
    maxWaitMs: 500,
    maxBytes: 1000,
  }
}

async function quorumOfOne() {
  const cluster = new QuorumCluster([1])
  const node = await cluster.start(1)
  const append = (...numbers: number[]) =>
    cluster.settled(Promise.all(numbers.map((number) => node.quorum.append(topicRecords(number)))))
  return { cluster, node, append, quorum: node.quorum, disk: node.disk }
}

describe('a quorum of one', () => {
  test('is active at once, without a timer, and commits what is durable', async () => {
    const { node, quorum, append } = await quorumOfOne()
    expect(quorum.isActive).toBe(true)
    expect(quorum.leader).toEqual({ id: 1, epoch: 1, endpoint: { host: '127.0.0.1', port: 9001 } })
    const [offset] = await append(0)
    expect(node.topics).toEqual([0])
    expect(quorum.current().endOffset).toBe(offset! + 1)
    expect(quorum.image.controllerId).toBe(1)
  })

  test('publishes before an append resolves, and not before it is durable', async () => {
    const { cluster, quorum } = await quorumOfOne()
    const events: string[] = []
    quorum.subscribe(({ image }) => void events.push(`published ${image.topics.size}`))
    const appended = quorum.append(topicRecords(0)).then(() => events.push('resolved'))
    await Promise.resolve()
    expect(events).toEqual([])
    expect(quorum.image.topics.size).toBe(0)
    expect(quorum.latestImage.topics.size).toBe(1)
    await cluster.settled(appended)
    expect(events).toEqual(['published 1', 'resolved'])
  })

  test('appends of one turn share a flush, and are published one by one in order', async () => {
    const { node, append, disk } = await quorumOfOne()
    let syncs = 0
    const { sync } = disk
    disk.sync = (file, done) => {
      syncs++
      sync.call(disk, file, done)
    }
    node.updates.length = 0
    const numbers = Array.from({ length: 50 }, (_, index) => index)
    const offsets = await append(...numbers)
    expect(offsets).toEqual(numbers.map((number) => offsets[0]! + 4 * number))
    expect(node.updates.map(({ image }) => image.topics.size)).toEqual(numbers.map((number) => number + 1))
    expect(node.updates.map(({ endOffset }) => endOffset - 1)).toEqual(offsets)
    expect(node.updates[7]!.records).toEqual(topicRecords(7))
    expect([...node.updates[7]!.delta.topics.changed.values()].map(({ name }) => name)).toEqual(['topic-7'])
    expect(syncs).toBe(1)
  })

  test('a restarted one has the same metadata, once the new epoch has begun', async () => {
    const { cluster, append, node, quorum } = await quorumOfOne()
    await append(0, 1, 2)
    await cluster.settled(quorum.append([metadataRecord('RemoveTopicRecord', { topicId: uuid(1) })]))
    const before = node.quorum.image
    await cluster.stop(1)

    const opened = await cluster.open(1)
    // What lies above the last snapshot need not be committed: nobody may see it yet.
    expect(opened.topics).toEqual([])
    opened.quorum.start()
    await cluster.until(() => opened.quorum.isActive)
    expect(opened.topics).toEqual([0, 2])
    expect(opened.quorum.image.topics.byName('topic-2')).toEqual(before.topics.byName('topic-2'))
    expect(opened.quorum.leader.epoch).toBe(2)
    await cluster.settled(opened.quorum.append(topicRecords(3)))
    expect(opened.topics).toEqual([0, 2, 3])
  })

  test('a decision that is made while the last is on its way builds on it', async () => {
    const { cluster, quorum, node } = await quorumOfOne()
    const outcomes: Promise<Offset>[] = []
    const end = quorum.subscribe(() => {
      end()
      // Inside the core's step: both wait, and the second must see the first.
      outcomes.push(quorum.append(topicRecords(1)))
      expect(quorum.latestImage.topics.byName('topic-1')).toBeDefined()
      outcomes.push(quorum.append([metadataRecord('RemoveTopicRecord', { topicId: uuid(1) })]))
    })
    await cluster.settled(quorum.append(topicRecords(0)))
    await cluster.settled(Promise.all(outcomes))
    expect(node.topics).toEqual([0])
  })

  test('what is settled was committed before', async () => {
    const { cluster, quorum, node } = await quorumOfOne()
    await quorum.settled()
    const appended = quorum.append(topicRecords(0))
    await cluster.settled(quorum.settled())
    expect(node.topics).toEqual([0])
    await appended
  })

  test('records that contradict the metadata are never written', async () => {
    const { quorum, append, disk, node } = await quorumOfOne()
    await append(0)
    const before = disk.contentOf(SEGMENT)
    await expect(quorum.append(topicRecords(0))).rejects.toThrow('created twice')
    expect(disk.contentOf(SEGMENT)).toEqual(before)
    await append(1)
    expect(node.topics).toEqual([0, 1])
  })

  test('a full disk refuses the append, changes nothing, and takes appends again when there is space', async () => {
    const { cluster, quorum, append, disk, node } = await quorumOfOne()
    await append(0)
    disk.setCapacity(disk.usedBytes())
    await expect(cluster.settled(quorum.append(topicRecords(1)))).rejects.toThrow(DiskError)
    expect(quorum.latestImage.topics.size).toBe(1)
    expect(quorum.isActive).toBe(true)
    disk.setCapacity(2 ** 20)
    await append(2)
    expect(node.topics).toEqual([0, 2])
    expect(node.process.halts).toEqual([])
    await cluster.stop(1)
    expect((await cluster.start(1)).topics).toEqual([0, 2])
  })

  test('after a failed flush nothing is published, nothing appended, and the process stops', async () => {
    const { cluster, quorum, append, disk, node } = await quorumOfOne()
    await append(0)
    disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
    const lost = [quorum.append(topicRecords(1)), quorum.append(topicRecords(2))]
    for (const outcome of await cluster.settled(Promise.allSettled(lost)))
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(MetadataLogError) })
    expect(node.topics).toEqual([0])
    expect(quorum.isActive).toBe(false)
    expect(node.process.halts).toEqual([expect.stringContaining('could not be flushed (EIO')])
    expect(node.process.pendingTimers).toBe(0)
    await expect(quorum.append(topicRecords(3))).rejects.toThrow('Check the disk and restart')
    await cluster.kill(1)
    expect((await cluster.start(1)).topics).toEqual([0])
  })

  test('a vote that can not be written stops the process', async () => {
    const cluster = new QuorumCluster([1])
    const node = await cluster.open(1)
    node.disk.fail({ operation: 'sync', path: /quorum-state/, code: 'EIO' })
    node.quorum.start()
    await cluster.world.settle()
    expect(node.process.halts).toEqual([expect.stringContaining('the vote could not be written')])
    expect(node.quorum.isActive).toBe(false)
  })

  test('a torn tail is cut, and what was acknowledged before it is there', async () => {
    const { cluster, append, disk } = await quorumOfOne()
    await append(0)
    const acknowledged = disk.contentOf(SEGMENT).length
    await append(1)
    await cluster.kill(1, 'all')
    disk.replaceAtRest(SEGMENT, (bytes) => bytes.subarray(0, acknowledged + 90))
    const again = await cluster.start(1)
    expect(again.topics).toEqual([0])
    await cluster.settled(again.quorum.append(topicRecords(2)))
    expect(again.topics).toEqual([0, 2])
  })

  test('what a killed process wrote and never flushed is made durable before it counts', async () => {
    const { cluster, quorum, append, disk } = await quorumOfOne()
    const [offset] = await append(0)
    await cluster.settled(quorum.close())
    await cluster.kill(1, 'all')
    const batch = encodeMetadataBatch(topicRecords(1), quorum.image.position.timestampMs)
    const view = new RecordBatchView(batch)
    view.stampBaseOffset((offset! + 1) as Offset)
    view.stampLeaderEpoch(quorum.leader.epoch as LeaderEpoch)
    const file = disk.open(SEGMENT, 'write')
    disk.pwritev(file, [batch], disk.size(file))
    disk.close(file)

    // From here on it would be reported to a leader as flushed.
    await cluster.open(1)
    await cluster.kill(1, 'none')
    const again = await cluster.start(1)
    await cluster.until(() => again.quorum.isActive)
    expect(again.topics).toEqual([0, 1])
  })

  test('damage below the recovery point stops the start of a voter', async () => {
    const { cluster, append, disk } = await quorumOfOne()
    await append(0, 1, 2)
    await cluster.stop(1)
    disk.flipBit(SEGMENT, 400, 3)
    const failure = await cluster.start(1).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(MetadataLogError)
    expect((failure as Error).message).toContain(FOLDER)
  })

  test('a damaged recovery point, or vote, is named, with what to do', async () => {
    const { cluster, append, disk } = await quorumOfOne()
    await append(0)
    await cluster.stop(1)
    const vote = disk.contentOf(`${FOLDER}/quorum-state`)
    disk.replaceAtRest(`${FOLDER}/quorum-state`, () => Buffer.from('{"leaderId":1,'))
    await expect(cluster.start(1)).rejects.toThrow(
      'quorum-state is damaged. Without it this node might vote twice',
    )
    disk.replaceAtRest(`${FOLDER}/quorum-state`, () => vote)
    disk.replaceAtRest(`${FOLDER}/recovery-point-offset-checkpoint`, () => Buffer.from('0\n1\n__clus'))
    await expect(cluster.start(1)).rejects.toThrow('recovery-point-offset-checkpoint is damaged. Restore it')
  })

  test('an append after the end is refused, and no timer is left', async () => {
    const { cluster, quorum, append, node } = await quorumOfOne()
    await append(0)
    await cluster.settled(quorum.close())
    await expect(quorum.append(topicRecords(1))).rejects.toThrow('closed')
    await cluster.settled(node.server.close(0))
    expect(node.process.pendingTimers).toBe(0)
  })
})

describe('a quorum of three', () => {
  test('elects one leader, commits on a majority, and everybody shows the same', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.start(11)
    const offset = await cluster.settled(leader.quorum.append(topicRecords(0)))
    await cluster.converged(offset)
    for (const node of cluster.nodes.values()) {
      expect(node.topics).toEqual([0])
      expect(node.quorum.leader).toMatchObject({ id: leader.id, epoch: leader.quorum.leader.epoch })
      expect(node.quorum.image.controllerId).toBe(leader.id)
      expect(node.quorum.isActive).toBe(node === leader)
    }
  })

  test('replicas apply a commit within round trips: no timer is on the way', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.start(11)
    await cluster.converged(await cluster.settled(leader.quorum.append(topicRecords(0))))
    const startedMs = cluster.world.clock.monoMs()
    const offset = await cluster.settled(leader.quorum.append(topicRecords(1)))
    const applied = await cluster.settled(leader.quorum.whenApplied(offset, ids(1, 2, 3, 11), 1000))
    expect(applied).toBe(true)
    expect([...cluster.nodes.values()].map(({ topics }) => topics)).toEqual(Array(4).fill([0, 1]))
    expect(cluster.world.clock.monoMs() - startedMs).toBe(0)
  })

  test('an applying listener holds back what its replica reports as applied', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    const observer = await cluster.start(11)
    await cluster.converged(await cluster.settled(leader.quorum.append(topicRecords(0))))
    const applying = Promise.withResolvers<void>()
    observer.quorum.subscribe(() => applying.promise)
    const offset = await cluster.settled(leader.quorum.append(topicRecords(1)))
    expect(await cluster.settled(leader.quorum.whenApplied(offset, ids(11), 300))).toBe(false)
    const applied = leader.quorum.whenApplied(offset, ids(11), 1000)
    applying.resolve()
    expect(await cluster.settled(applied)).toBe(true)
  })

  test('a leader that loses power is followed by another, and nothing acknowledged is lost', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const first = await cluster.electedLeader()
    await cluster.settled(first.quorum.append(topicRecords(0)))
    await cluster.settled(first.quorum.append(topicRecords(1)))
    await cluster.kill(first.id)
    const electedAfterMs = await cluster.until(() => cluster.active !== undefined)
    expect(electedAfterMs).toBeLessThan(300)
    const second = cluster.active!
    expect(second.topics).toEqual([0, 1])
    expect(second.quorum.leader.epoch).toBeGreaterThan(first.quorum.leader.epoch)
    await cluster.settled(second.quorum.append(topicRecords(2)))
    const returned = await cluster.start(first.id)
    await cluster.until(() => returned.quorum.image.topics.size === 3)
    expect(returned.topics).toEqual([0, 1, 2])
  })

  test('a leader without space for a change hands over to one that has', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const first = await cluster.electedLeader()
    await cluster.converged(await cluster.settled(first.quorum.append(topicRecords(0))))
    first.disk.setCapacity(first.disk.usedBytes())
    await expect(cluster.settled(first.quorum.append(topicRecords(1)))).rejects.toThrow(DiskError)
    await cluster.until(() => cluster.active !== undefined && cluster.active !== first)
    await cluster.settled(cluster.active!.quorum.append(topicRecords(2)))
    expect(cluster.active!.topics).toEqual([0, 2])
  })

  test('what a leader wrote and could not commit is not seen, and is cut when it comes back', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const first = await cluster.electedLeader()
    await cluster.settled(first.quorum.append(topicRecords(0)))
    const others = [1, 2, 3].filter((id) => id !== first.id)
    for (const id of others) await cluster.kill(id)
    const lost = first.quorum.append(topicRecords(1))
    lost.catch(() => {})
    await cluster.world.settle()
    expect(first.topics).toEqual([0])
    await expect(cluster.settled(lost)).rejects.toThrow(NotControllerError)
    await cluster.kill(first.id, 'all')
    for (const id of others) await cluster.start(id)
    const second = await cluster.electedLeader()
    await cluster.settled(second.quorum.append(topicRecords(2)))
    const returned = await cluster.start(first.id)
    await cluster.until(() => returned.quorum.image.topics.byName('topic-2') !== undefined)
    expect(returned.topics).toEqual([0, 2])
  })

  test('a replica without space goes on where it was once there is some, and the others go on without it', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    const observer = await cluster.start(11)
    await cluster.converged(await cluster.settled(leader.quorum.append(topicRecords(0))))
    observer.disk.setCapacity(observer.disk.usedBytes())
    await cluster.settled(leader.quorum.append(topicRecords(1)))
    await cluster.world.advance(5000)
    expect(observer.topics).toEqual([0])
    expect(observer.process.halts).toEqual([])
    observer.disk.setCapacity(2 ** 20)
    await cluster.until(() => observer.topics.length === 2)
  })

  test('a replica whose disk fails stops, and reports nothing that it may not have', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    const [failing, other] = [1, 2, 3].filter((id) => id !== leader.id).map((id) => cluster.node(id))
    await cluster.kill(other!.id)
    failing!.disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
    const appended = leader.quorum.append(topicRecords(0))
    appended.catch(() => {})
    await cluster.until(() => failing!.process.halts.length > 0)
    await cluster.world.advance(200)
    // Only the leader has it for sure.
    expect(leader.topics).toEqual([])
    await cluster.kill(failing!.id)
    await cluster.start(failing!.id)
    await cluster.until(() => cluster.node(failing!.id).topics.length === 1)
  })

  test('a leader that is cut off without a word is given up by its followers within the fetch timeout', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.settled(leader.quorum.append(topicRecords(0)))
    leader.process.freeze()
    const ms = await cluster.until(() =>
      [...cluster.nodes.values()].some((n) => n !== leader && n.quorum.isActive),
    )
    expect(ms).toBeLessThan(3500)
    const second = [...cluster.nodes.values()].find((n) => n !== leader && n.quorum.isActive)!
    expect(second.topics).toEqual([0])
  })

  test('a vote leaves only when it is on disk: a voter that can not write one elects nobody', async () => {
    const cluster = new QuorumCluster([1, 2])
    await cluster.start(1)
    await cluster.start(2, { throughDisk: diskSilentOn(/quorum-state/) })
    await cluster.world.advance(10_000)
    expect(cluster.active).toBeUndefined()
    await cluster.kill(2)
    await cluster.start(2)
    await cluster.electedLeader()
  })

  test('only the leader takes appends', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    const follower = [...cluster.nodes.values()].find((node) => node !== leader)!
    await expect(follower.quorum.append(topicRecords(0))).rejects.toThrow(NotControllerError)
    expect(await follower.quorum.whenApplied(0 as Offset, [], 10)).toBe(false)
  })

  test('a leader that stops hands over, and is followed within milliseconds', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const first = await cluster.electedLeader()
    await cluster.settled(first.quorum.append(topicRecords(0)))
    const stopping = cluster.stop(first.id)
    const ms = await cluster.until(() =>
      [...cluster.nodes.values()].some((n) => n !== first && n.quorum.isActive),
    )
    expect(ms).toBeLessThan(200)
    await stopping
  })

  test('a voter with a wiped disk comes back as an observer, and two of them elect nobody', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.settled(leader.quorum.append(topicRecords(0)))
    const [wiped, other] = [1, 2, 3].filter((id) => id !== leader.id) as [number, number]
    await cluster.kill(wiped)
    cluster.wipe(wiped)
    const anew = await cluster.start(wiped, { directoryId: uuid(70) })
    await cluster.until(() => anew.quorum.image.topics.size === 1)
    await cluster.kill(other)
    cluster.wipe(other)
    await cluster.kill(leader.id)
    await cluster.start(other, { directoryId: uuid(71) })
    await cluster.world.advance(20_000)
    expect(cluster.active).toBeUndefined()
    await cluster.start(leader.id)
    await cluster.world.advance(20_000)
    expect(cluster.active).toBeUndefined()
  })

  test('a node of another cluster is told so, and says once what to do', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.settled(leader.quorum.append(topicRecords(0)))
    const stranger = await cluster.start(12, { clusterId: 'another' })
    await cluster.world.advance(5000)
    expect(stranger.topics).toEqual([])
    const said = cluster.world.lines.filter(({ fields }) =>
      JSON.stringify(fields).includes('belongs to cluster another'),
    )
    expect(said.length).toBeGreaterThan(0)
    expect(said.length).toBeLessThanOrEqual(3)
  })

  test('a connection that nobody answers any more is given up after three requests, and a new one is tried', async () => {
    const cluster = new QuorumCluster([1])
    await cluster.start(1)
    const observer = await cluster.start(11)
    await cluster.converged(await cluster.settled(cluster.node(1).quorum.append(topicRecords(0))))
    await cluster.kill(1, 'none', true)
    const again = await cluster.start(1)
    await cluster.settled(again.quorum.append(topicRecords(1)))
    await cluster.world.advance(2000)
    // To the observer its connection is as good as ever.
    expect(observer.topics).toEqual([0])
    expect(await cluster.until(() => observer.topics.length === 2)).toBeLessThan(6000)
  })

  test('peers that are away for a moment are no warning; one that stays away is one', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.start(11)
    const [gone, stopped] = [1, 2, 3].filter((id) => id !== leader.id) as [number, number]
    await cluster.stop(stopped)
    await cluster.world.advance(5000)
    await cluster.start(stopped)
    await cluster.kill(gone)
    const warnings = () =>
      cluster.world.lines.filter(
        ({ level, message }) => level === 'warn' && message.startsWith('no answer from a peer'),
      )
    await cluster.world.advance(8000)
    expect(warnings()).toEqual([])
    await cluster.world.advance(60_000)
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]!.fields).toMatchObject({ peer: `127.0.0.1:${9000 + gone}` })
  })

  test('who waits for an answer of a replica that stops is told to ask another, as is who comes later', async () => {
    const cluster = new QuorumCluster([1])
    const node = await cluster.start(1)
    await cluster.settled(node.quorum.append(topicRecords(0)))
    const connection = await cluster.connect(1)
    const { endOffset } = node.quorum.current()
    const request = fetchOf(11, node.quorum.leader.epoch, endOffset)
    // The first learns the high watermark.
    await cluster.ask(1, request, connection)
    let isAnswered = false
    const parked = cluster.ask(1, request, connection).finally(() => (isAnswered = true))
    await cluster.world.settle()
    expect(isAnswered).toBe(false)
    await cluster.settled(node.quorum.close())
    const refusal = { error: 'NOT_LEADER_OR_FOLLOWER', epoch: request.epoch, leaderId: -1 }
    expect(await cluster.settled(parked)).toMatchObject(refusal)
    expect(await cluster.ask(1, request, connection)).toMatchObject(refusal)
    connection.close()
  })

  test('who asks a replica that has not started yet is told to ask another', async () => {
    const cluster = new QuorumCluster([1])
    await cluster.open(1)
    expect(await cluster.ask(1, fetchOf(11, 0, 0))).toMatchObject({ error: 'NOT_LEADER_OR_FOLLOWER' })
  })

  test('DescribeQuorum tells on the leader how far everybody is, and elsewhere who does not know', async () => {
    const cluster = new QuorumCluster([1, 2, 3])
    await cluster.startAll()
    const leader = await cluster.electedLeader()
    await cluster.start(11)
    const offset = await cluster.settled(leader.quorum.append(topicRecords(0)))
    await cluster.converged(offset)
    const request = { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }
    const described = leader.quorum.handlers.DescribeQuorum(request, null as never)
    const logEndOffset = offset + 1
    expect(described).toMatchObject({
      topics: [
        {
          partitions: [
            {
              leaderId: leader.id,
              highWatermark: logEndOffset,
              currentVoters: [1, 2, 3].map((replicaId) => ({
                replicaId,
                replicaDirectoryId: uuid(replicaId),
                logEndOffset,
              })),
              observers: [{ replicaId: 11, logEndOffset }],
            },
          ],
        },
      ],
      nodes: [1, 2, 3].map((nodeId) => ({
        nodeId,
        listeners: [{ name: 'CONTROLLER', port: 9000 + nodeId }],
      })),
    })
    const unknown = { topics: [{ topicName: 'other', partitions: [{ partitionIndex: 0 }] }] }
    expect(leader.quorum.handlers.DescribeQuorum(unknown, null as never)).toMatchObject({
      topics: [{ partitions: [{ errorCode: 3 }] }],
      nodes: [],
    })
    const follower = [...cluster.nodes.values()].find((node) => node !== leader)!
    expect(follower.quorum.handlers.DescribeQuorum(request, null as never)).toMatchObject({ errorCode: 6 })
  })
})
