import { leaderEpoch, nodeId, offset, randomUuid, seededRng, timestampMs, type Uuid } from '@millrace/base'
import { Admin } from '@millrace/client'
import { ErrorCode, type ResponseInputOf } from '@millrace/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeCluster } from '../fake/fake-cluster.ts'

const rng = seededRng(3)
const uuid = (): Uuid => randomUuid({ bytes: (length) => Uint8Array.from({ length }, () => rng.below(256)) })
const directories = new Map([101, 102, 103, 104, 1].map((id) => [id, uuid()]))

let fake: FakeCluster
let admin: Admin

beforeEach(async () => {
  fake = await FakeCluster.start(2)
  admin = new Admin({ bootstrap: fake.bootstrap, env: fake.env })
})

function replica(id: number, logEndOffset: number, lastFetch: number, caughtUp: number) {
  return {
    replicaId: nodeId(id),
    replicaDirectoryId: directories.get(id)!,
    logEndOffset: offset(logEndOffset),
    lastFetchTimestamp: timestampMs(lastFetch),
    lastCaughtUpTimestamp: timestampMs(caughtUp),
  }
}

function quorumAnswer(leaderId: number, voters: readonly number[]): ResponseInputOf<'DescribeQuorum'> {
  const partition = {
    partitionIndex: 0,
    errorCode: 0,
    leaderId: nodeId(leaderId),
    leaderEpoch: leaderEpoch(7),
    highWatermark: offset(120),
    currentVoters: voters.map((id) =>
      replica(id, id === leaderId ? 123 : 120, id === leaderId ? -1 : 960, 1000),
    ),
    observers: [replica(104, 23, 990, 950), replica(1, -1, -1, -1)],
  }
  return {
    topics: [{ topicName: '__cluster_metadata', partitions: [partition] }],
    nodes: [...voters, 104].map((id) => ({
      nodeId: nodeId(id),
      listeners: [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9000 + id }],
    })),
  }
}

describe('describeQuorum', () => {
  it('tells how far every replica is behind the leader, in records and by its clock', async () => {
    fake.intercept('DescribeQuorum', () => quorumAnswer(102, [101, 102, 103]))
    const {
      leaderId,
      leaderEpoch: epoch,
      highWatermark,
      voters,
      observers,
    } = await fake.until(admin.describeQuorum())
    expect({ leaderId, epoch, highWatermark }).toEqual({ leaderId: 102, epoch: 7, highWatermark: 120 })
    expect(voters.map(({ id, lag, lastFetchAgeMs }) => [id, lag, lastFetchAgeMs])).toEqual([
      [101, 3, 40],
      [102, 0, 0],
      [103, 3, 40],
    ])
    expect(observers.map(({ id, lag, lastFetchAgeMs }) => [id, lag, lastFetchAgeMs])).toEqual([
      [104, 100, 10],
      [1, null, null],
    ])
    expect(observers[0]).toMatchObject({
      directoryId: directories.get(104),
      endpoints: [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9104 }],
    })
    expect(observers[1]!.endpoints).toEqual([])
    expect(fake.requests('DescribeQuorum')).toMatchObject([
      { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] },
    ])
  })

  it.each([
    ['the broker finds no active controller', { errorCode: ErrorCode.NOT_CONTROLLER, topics: [] }],
    ['the answer names no leader', quorumAnswer(-1, [101])],
  ])('waits while %s', async (_when, unsettled) => {
    let tries = 0
    fake.intercept('DescribeQuorum', () => (tries++ < 2 ? unsettled : quorumAnswer(101, [101])))
    expect(await fake.until(admin.describeQuorum())).toMatchObject({ leaderId: 101 })
    expect(tries).toBe(3)
  })

  it('says why it has no answer when the election lasts too long', async () => {
    fake.intercept('DescribeQuorum', () => quorumAnswer(-1, [101]))
    const described = fake.until(admin.describeQuorum({ timeoutMs: 500 }))
    await expect(described).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('electing a leader'),
    })
  })
})

describe('the voter set', () => {
  const voter = (id: number) => ({
    id,
    directoryId: directories.get(id)!,
    endpoints: [{ host: '127.0.0.1', port: 9000 + id }],
  })

  it('grows by a controller that is named with directory and endpoint', async () => {
    fake.intercept('AddRaftVoter', () => ({ errorCode: 0 }))
    await fake.until(admin.addVoter(voter(104)))
    expect(fake.requests('AddRaftVoter')).toMatchObject([
      {
        clusterId: 'fake',
        voterId: 104,
        voterDirectoryId: directories.get(104),
        listeners: [{ name: 'CONTROLLER', host: '127.0.0.1', port: 9104 }],
        ackWhenCommitted: true,
      },
    ])
  })

  it('counts an addition as done when its answer was lost and the voter is there', async () => {
    let tries = 0
    fake.intercept('AddRaftVoter', () =>
      tries++ === 0 ? 'drop' : { errorCode: ErrorCode.DUPLICATE_VOTER, errorMessage: 'is a voter' },
    )
    fake.intercept('DescribeQuorum', () => quorumAnswer(101, [101, 104]))
    await fake.until(admin.addVoter(voter(104)))
    expect(tries).toBe(2)
  })

  it('refuses an addition at once when the id votes already, and with another directory after a lost answer', async () => {
    const duplicate = { errorCode: ErrorCode.DUPLICATE_VOTER }
    fake.intercept('AddRaftVoter', () => duplicate)
    await expect(fake.until(admin.addVoter(voter(104)))).rejects.toMatchObject({ code: 'DUPLICATE_VOTER' })

    let tries = 0
    fake.intercept('AddRaftVoter', () => (tries++ === 0 ? 'drop' : duplicate))
    fake.intercept('DescribeQuorum', () => quorumAnswer(101, [101, 104]))
    const other = { ...voter(104), directoryId: uuid() }
    await expect(fake.until(admin.addVoter(other))).rejects.toMatchObject({ code: 'DUPLICATE_VOTER' })
  })

  it('counts a removal as done when its answer was lost and the voter is gone, but not at the first try', async () => {
    let tries = 0
    const unknown = { errorCode: ErrorCode.VOTER_NOT_FOUND }
    fake.intercept('RemoveRaftVoter', () => (tries++ === 0 ? 'drop' : unknown))
    await fake.until(admin.removeVoter(voter(103)))
    expect(fake.requests('RemoveRaftVoter')[0]).toMatchObject({
      voterId: 103,
      voterDirectoryId: directories.get(103),
    })
    await expect(fake.until(admin.removeVoter(voter(103)))).rejects.toMatchObject({ code: 'VOTER_NOT_FOUND' })
  })

  it('is not asked for with an id or endpoint that can never be', async () => {
    await expect(fake.until(admin.addVoter({ ...voter(104), endpoints: [] }))).rejects.toThrow('endpoint')
    const removed = fake.until(admin.removeVoter({ id: 104, directoryId: 'nonsense' }))
    await expect(removed).rejects.toMatchObject({ code: 'CONFIG' })
  })
})
