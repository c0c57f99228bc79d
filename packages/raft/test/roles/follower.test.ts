import { nodeId, offset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { fetchAnswer, key, SingleNode, votersOf } from '../single-node.ts'

const two = nodeId(2)

/** Follows node 2 in epoch 2, its first fetch on its way. */
function follower(options: ConstructorParameters<typeof SingleNode>[0] = {}): SingleNode {
  return new SingleNode({ state: { epoch: 2, leaderId: two, voted: null }, ...options })
}

function answer(single: SingleNode, fields: Partial<Parameters<typeof fetchAnswer>[0]>): void {
  const send = single.all('send').find(({ request }) => request.kind === 'fetch')
  single.step({
    kind: 'response',
    sendId: send!.sendId,
    response: fetchAnswer({ epoch: 2, leaderId: two, ...fields }),
  })
}

function batch(baseOffset: number, lastOffset: number, epoch: number) {
  return { baseOffset: offset(baseOffset), lastOffset: offset(lastOffset), epoch, voters: null }
}

function records(...batches: ReturnType<typeof batch>[]) {
  return { batches, data: 'bytes' }
}

describe('a follower', () => {
  it('fetches from the end of what it has on disk, and again when what it got is', () => {
    const single = follower()
    expect(single.one('send').request).toMatchObject({ kind: 'fetch', fetchOffset: 3, lastFetchedEpoch: 1 })
    answer(single, { records: records(batch(3, 4, 2)) })
    expect(single.one('append-fetched').records.data).toBe('bytes')
    expect(single.all('send')).toEqual([])
    single.flushAll()
    expect(single.one('send').request).toMatchObject({ fetchOffset: 5, lastFetchedEpoch: 2 })
  })

  it('knows to be committed what its leader says, as far as it is on disk here', () => {
    const single = follower()
    answer(single, { records: records(batch(3, 4, 2)), highWatermark: offset(9) })
    expect(single.one('high-watermark').offset).toBe(3)
    single.flushAll()
    expect(single.one('high-watermark').offset).toBe(5)
  })

  it('waits a bounded time until that is applied, so that its fetch can tell', () => {
    const single = follower()
    answer(single, { highWatermark: offset(3) })
    expect(single.all('send')).toEqual([])
    expect(single.all('arm')).toContainEqual({ kind: 'arm', timer: 'apply-wait', delayMs: 100, jitterMs: 0 })
    single.step({ kind: 'applied', offset: offset(3) })
    expect(single.one('send').request).toMatchObject({ appliedOffset: 3 })
    const late = follower()
    answer(late, { highWatermark: offset(3) })
    late.step({ kind: 'timer', timer: 'apply-wait' })
    expect(late.one('send').request).toMatchObject({ appliedOffset: 0 })
  })

  it.each([
    ['a gap', records(batch(4, 5, 2))],
    ['an epoch that falls', records(batch(3, 3, 2), batch(4, 4, 1))],
    ['an epoch that is not begun', records(batch(3, 3, 7))],
    ['an overlap', records(batch(2, 4, 2))],
  ])('appends nothing of an answer with %s, and asks again after a pause', (_what, wrong) => {
    const single = follower()
    answer(single, { records: wrong })
    expect(single.all('append-fetched')).toEqual([])
    expect(single.all('arm').map(({ timer }) => timer)).toEqual(['backoff'])
  })

  it('truncates where the logs part, and learns no high watermark of that (KAFKA-14704)', () => {
    const single = follower()
    answer(single, { diverging: { epoch: 1, endOffset: offset(2) }, highWatermark: offset(9) })
    expect(single.one('truncate')).toMatchObject({ generation: 1, offset: 2 })
    expect(single.all('high-watermark')).toEqual([])
    expect(single.one('send').request).toMatchObject({ fetchOffset: 2 })
  })

  it('is patient with a leader only as long as its fetches succeed', () => {
    const single = follower()
    answer(single, {})
    expect(single.all('arm').map(({ timer }) => timer)).toEqual(['fetch'])
    answer(single, { error: 'UNKNOWN_LEADER_EPOCH', epoch: 1 })
    expect(single.all('arm').map(({ timer }) => timer)).toEqual(['backoff'])
    single.step({ kind: 'timer', timer: 'fetch' })
    expect(single.role).toBe('prospective')
    expect(single.node.epoch).toBe(2)
  })

  it('stands by a leader that answered it, and only by such a one (KIP-996, KAFKA-17641)', () => {
    const single = follower()
    const preVote = {
      kind: 'vote',
      voter: key(1),
      candidate: key(3),
      epoch: 2,
      lastOffset: offset(3),
      lastEpoch: 1,
      preVote: true,
    } as const
    single.request(preVote)
    expect(single.one('respond').response).toMatchObject({ granted: true })
    single.step({
      kind: 'response',
      sendId: 1,
      response: fetchAnswer({ epoch: 2, leaderId: two }),
    })
    single.request(preVote)
    expect(single.one('respond').response).toMatchObject({ granted: false })
    single.step({ kind: 'peer-gone', id: two })
    expect(single.one('arm')).toMatchObject({ timer: 'election', delayMs: 0, jitterMs: 60 })
    single.request(preVote)
    expect(single.one('respond').response).toMatchObject({ granted: true })
  })

  it('does not stand in the way of another while its own leader does not answer', () => {
    const single = follower()
    const preVote = {
      kind: 'vote',
      voter: key(1),
      candidate: key(3),
      epoch: 2,
      lastOffset: offset(3),
      lastEpoch: 1,
      preVote: true,
    } as const
    answer(single, {})
    const { sendId } = single.one('send')
    single.step({ kind: 'response', sendId, response: null })
    single.request(preVote)
    expect(single.one('respond').response).toMatchObject({ granted: true })
    single.step({ kind: 'timer', timer: 'backoff' })
    answer(single, {})
    single.request(preVote)
    expect(single.one('respond').response).toMatchObject({ granted: false })
  })

  it('votes for nobody else in the epoch of its leader', () => {
    const single = follower()
    single.request({
      kind: 'vote',
      voter: key(1),
      candidate: key(3),
      epoch: 2,
      lastOffset: offset(9),
      lastEpoch: 1,
      preVote: false,
    })
    expect(single.one('respond').response).toMatchObject({ granted: false, leaderId: 2 })
  })
})

describe('an observer', () => {
  const observer = { self: 4, canVote: false }

  it('goes to another voter when its leader does not answer (KAFKA-19354)', () => {
    const single = follower(observer)
    single.step({ kind: 'response', sendId: single.one('send').sendId, response: null })
    expect(single.role).toBe('unattached')
    expect(single.node.leaderId).toBe(-1)
    single.step({ kind: 'timer', timer: 'backoff' })
    const first = single.one('send')
    single.step({ kind: 'response', sendId: first.sendId, response: null })
    single.step({ kind: 'timer', timer: 'backoff' })
    expect(single.one('send').to.id).not.toBe(first.to.id)
  })

  it('asks to become a voter where that is wanted and possible, its old disk removed first (KIP-1186)', () => {
    const wiped = { ...key(3), directoryId: key(33).directoryId, endpoint: { host: 'node-3', port: 9093 } }
    const single = follower({
      self: 3,
      config: { autoJoin: true },
      log: {
        logStartOffset: offset(0),
        logEndOffset: offset(3),
        epochs: [{ epoch: 1, startOffset: offset(0) }],
        snapshot: null,
        voterSets: [{ offset: offset(1), voters: votersOf(1, 2).with(wiped) }],
      },
    })
    answer(single, {})
    const remove = single.all('send').find(({ request }) => request.kind === 'remove-voter')
    expect(remove?.request).toMatchObject({ voter: { id: 3, directoryId: 'disk-33' }, onlyIfSilent: true })
  })
})

describe('a download', () => {
  const snapshotId = { endOffset: offset(20), epoch: 2 }

  function chunk(
    single: SingleNode,
    position: number,
    bytes: number,
    error: 'NONE' | 'SNAPSHOT_NOT_FOUND' = 'NONE',
  ) {
    const send = single.all('send').find(({ request }) => request.kind === 'fetch-snapshot')
    expect(send?.request).toMatchObject({ position })
    single.step({
      kind: 'response',
      sendId: send!.sendId,
      response: {
        kind: 'fetch-snapshot',
        epoch: 2,
        leaderId: two,
        leaderEndpoint: null,
        error,
        snapshotId,
        sizeBytes: 25,
        position,
        bytes,
        data: `chunk at ${position}`,
      },
    })
  }

  it('writes chunk after chunk and installs the whole, which begins a log of its own (KIP-630)', () => {
    const single = follower()
    answer(single, { snapshotId })
    chunk(single, 0, 10)
    chunk(single, 10, 10)
    expect(single.all('install-snapshot')).toEqual([])
    chunk(single, 20, 5)
    expect(single.one('write-snapshot-chunk')).toMatchObject({ position: 20, data: 'chunk at 20' })
    expect(single.one('install-snapshot')).toMatchObject({ generation: 1, snapshotId })
    expect(single.all('send')).toEqual([])
    single.step({ kind: 'timer', timer: 'fetch' })
    expect(single.role).toBe('follower')
    single.step({ kind: 'snapshot-installed', snapshotId, voters: votersOf(1, 2, 3) })
    // On disk, and not applied yet: only the driver knows when it is.
    expect(single.all('send')).toEqual([])
    single.step({ kind: 'applied', offset: offset(20) })
    expect(single.one('send').request).toMatchObject({
      fetchOffset: 20,
      lastFetchedEpoch: 2,
      appliedOffset: 20,
    })
    expect([single.node.highWatermark, single.node.logStartOffset]).toEqual([20, 20])
  })

  it('begins anew, from a fetch, when the leader has another snapshot or this one is damaged', () => {
    const single = follower()
    answer(single, { snapshotId })
    chunk(single, 0, 10)
    chunk(single, 10, 0, 'SNAPSHOT_NOT_FOUND')
    single.step({ kind: 'timer', timer: 'backoff' })
    answer(single, { snapshotId })
    chunk(single, 0, 25)
    single.step({ kind: 'snapshot-rejected', snapshotId })
    single.step({ kind: 'timer', timer: 'backoff' })
    expect(single.one('send').request).toMatchObject({ kind: 'fetch', fetchOffset: 3 })
  })
})
