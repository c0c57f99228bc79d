import { leaderEpoch, offset as toOffset } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { log, SingleReplica } from './single-replica.ts'

describe('metadata', () => {
  it('that is not newer has no effect', () => {
    const single = new SingleReplica()
    single.metadata({ leaderEpoch: 4, partitionEpoch: 7 })
    expect(single.metadata({ leader: 2, leaderEpoch: 3, partitionEpoch: 8 })).toEqual([])
    expect(single.metadata({ leader: 2, leaderEpoch: 4, partitionEpoch: 7 })).toEqual([])
    expect(single.replica.role).toBe('leader')
  })

  it('without this replica stops it for good', () => {
    const single = new SingleReplica()
    single.metadata()
    single.metadata({ replicas: [2, 3], isr: [2, 3], leader: 2, leaderEpoch: 2, partitionEpoch: 2 })
    expect(single.replica.role).toBe('stopped')
    expect(single.metadata({ leaderEpoch: 3, partitionEpoch: 3 })).toEqual([])
  })

  it('of a new leader epoch forgets what followers had acknowledged, also where the leader stays', () => {
    const single = new SingleReplica(log(0, []))
    single.metadata({ isr: [1, 2] })
    single.flushed()
    single.fetch(2, 0)
    single.append(1)
    single.fetch(2, 1)
    single.metadata({ isr: [1, 2], leaderEpoch: 2, partitionEpoch: 2 })
    single.flushed()
    expect(single.replica.followers()).toContainEqual({ id: 2, endOffset: -1 })
    expect(single.replica.highWatermark).toBe(0)
  })
})

describe('leadership', () => {
  it('of an epoch that another process has begun is refused: its last records may be elsewhere', () => {
    const single = new SingleReplica(log(5, [[3, 0]]))
    single.metadata({ leaderEpoch: 3 })
    expect(single.the('refuse-leadership').reason).toBe('epoch-of-another-process')
    expect(single.replica.appendRefusal(1)).toBe('NOT_LEADER_OR_FOLLOWER')
  })

  it('of an epoch that this process has begun goes on', () => {
    const single = new SingleReplica(
      log(5, [
        [1, 0],
        [3, 2],
      ]),
      {},
      { resumesEpochs: true },
    )
    single.metadata({ leaderEpoch: 3 })
    expect(single.all('assign-epoch-start')).toEqual([])
    expect(single.replica.appendRefusal(1)).toBeNull()
  })

  it('is refused while the log is damaged', () => {
    const single = new SingleReplica(log(5, [[1, 0]], { damagedFrom: toOffset(2) }))
    single.metadata({ leaderEpoch: 3 })
    expect(single.the('refuse-leadership').reason).toBe('damaged')
  })

  it('ends when damage is found, and what waits is indefinite', () => {
    const single = new SingleReplica()
    single.metadata()
    single.append(3)
    single.step({ kind: 'damaged', offset: toOffset(1) })
    expect(single.the('fail').error).toBe('KAFKA_STORAGE_ERROR')
    expect(single.the('refuse-leadership').reason).toBe('damaged')
    expect(single.replica.role).toBe('offline')
  })

  it('ends for good when the disk fails', () => {
    const single = new SingleReplica()
    single.metadata()
    single.step({ kind: 'log-failed' })
    expect(single.the('refuse-leadership').reason).toBe('log-failed')
    single.metadata({ leaderEpoch: 2, partitionEpoch: 2 })
    expect(single.the('refuse-leadership').reason).toBe('log-failed')
    single.metadata({ leader: 2, leaderEpoch: 3, partitionEpoch: 3 })
    expect(single.replica.role).toBe('offline')
  })

  it('is refused where committed records are known to be missing (KIP-966), unless an operator chose it', () => {
    const summary = log(5, [[1, 0]], { highWatermark: toOffset(8) })
    const single = new SingleReplica(summary)
    single.metadata({ leaderEpoch: 2 })
    expect(single.the('refuse-leadership').reason).toBe('incomplete')
    single.metadata({ leaderEpoch: 3, partitionEpoch: 2, isr: [1], leaderRecoveryState: 1 })
    expect(single.replica.role).toBe('leader')
    expect(single.replica.owedEndOffset).toBeNull()
  })

  it('is taken by the only replica under os, whose tail nobody else has', () => {
    const summary = log(5, [[1, 0]], { highWatermark: toOffset(8) })
    const single = new SingleReplica(summary, { flushPolicy: 'os' })
    single.metadata({ leaderEpoch: 2, replicas: [1], isr: [1] })
    expect(single.replica.role).toBe('leader')
  })

  it('is fenced by epochs for clients as well (KIP-320)', () => {
    const single = new SingleReplica()
    single.metadata({ leaderEpoch: 4 })
    expect(single.replica.leaderRefusal(leaderEpoch(-1))).toBeNull()
    expect(single.replica.leaderRefusal(leaderEpoch(3))).toBe('FENCED_LEADER_EPOCH')
    expect(single.replica.leaderRefusal(leaderEpoch(5))).toBe('UNKNOWN_LEADER_EPOCH')
    single.metadata({ leader: 2, leaderEpoch: 5, partitionEpoch: 2 })
    expect(single.replica.leaderRefusal(leaderEpoch(5))).toBe('NOT_LEADER_OR_FOLLOWER')
  })
})

describe('a replica that has stopped', () => {
  it('answers whoever fetches from it, for it may begin anew and know nothing of them', () => {
    const single = new SingleReplica()
    single.metadata()
    single.step({ kind: 'stop' })
    single.fetch(2, 0)
    expect(single.the('respond-fetch').reply).toMatchObject({
      kind: 'error',
      error: 'NOT_LEADER_OR_FOLLOWER',
    })
    single.append(1)
    expect(single.effects).toEqual([])
  })
})

describe('a change of configuration', () => {
  it('to commit flushes what is written', () => {
    const single = new SingleReplica(log(0, []), { flushPolicy: 'os' })
    single.metadata({ replicas: [1], isr: [1] })
    single.flushed()
    single.append(2)
    single.step({ kind: 'config', config: { ...single.config, flushPolicy: 'commit' } })
    expect(single.all('flush')).toHaveLength(1)
  })

  it('of min.insync.replicas holds for what waits', () => {
    const single = new SingleReplica()
    single.metadata({ isr: [1, 2] })
    single.append(2)
    single.step({ kind: 'config', config: { ...single.config, minInsyncReplicas: 3 } })
    expect(single.the('fail').error).toBe('NOT_ENOUGH_REPLICAS_AFTER_APPEND')
  })
})
