/** What becomes of appends that come to a follower: their client may know of its election before it does. */
import { nodeId } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { batchOf } from '../support/batches.ts'
import { NODE } from '../support/local-metadata.ts'
import { IMAGE, PartitionRig } from './partition-rig.ts'

const OTHER = nodeId(2)
const FOLLOWED = { ...IMAGE, replicas: [NODE, OTHER], isr: [NODE, OTHER], leader: OTHER }
const LED = { ...FOLLOWED, leader: NODE, leaderEpoch: 4 as LeaderEpoch, partitionEpoch: 1 }
const sent = (value: string, baseSequence: number): Buffer =>
  batchOf([value], { producerId: 4000, producerEpoch: 0, baseSequence })

function follower(image = FOLLOWED): PartitionRig {
  return new PartitionRig({ 'flush.policy': 'os' }, image)
}

describe('an append that comes to a follower in sync', () => {
  it('waits for its election, and is stored in the order of arrival from memory of its own', () => {
    const rig = follower()
    const first = sent('a', 0)
    const appends = [rig.append(first, 1), rig.append(sent('b', 1), 1)]
    first.fill(0)
    expect(appends.map(({ settled }) => settled)).toEqual([false, false])
    rig.partition.update(LED)
    const behind = rig.append(sent('c', 2), 1)
    rig.time.endTurn()
    rig.write()
    const stored = [...appends, behind].map(({ errorCode, baseOffset }) => [errorCode, baseOffset])
    expect(stored).toEqual([
      [ErrorCode.NONE, 0],
      [ErrorCode.NONE, 1],
      [ErrorCode.NONE, 2],
    ])
  })

  it('is refused as soon as another one is elected', () => {
    const rig = follower()
    const append = rig.append(sent('a', 0))
    rig.partition.update({ ...FOLLOWED, partitionEpoch: 1 })
    expect(append.settled).toBe(false)
    rig.partition.update({ ...FOLLOWED, leaderEpoch: 4 as LeaderEpoch })
    expect(append.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })

  it('is refused after a quarter of a second without news, and others at once until there are some', () => {
    const rig = follower()
    const append = rig.append(sent('a', 0))
    rig.time.advance(249)
    expect(append.settled).toBe(false)
    rig.time.advance(1)
    expect(append.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(rig.append(sent('a', 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    rig.partition.update({ ...FOLLOWED, leaderEpoch: 4 as LeaderEpoch })
    expect(rig.append(sent('a', 0)).settled).toBe(false)
  })

  it('is not stored when its client has given up', () => {
    const rig = follower()
    const append = rig.append(batchOf(['late']), 1)
    append.fail(ErrorCode.REQUEST_TIMED_OUT, null)
    rig.partition.update(LED)
    rig.time.endTurn()
    expect(rig.partition.log.logEndOffset).toBe(0)
  })

  it('is refused at once where many wait already', () => {
    const rig = follower()
    const large = Buffer.alloc(5 * 1024 * 1024)
    expect([rig.append(large), rig.append(large)].map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ])
  })

  it('is refused when the partition is taken away', () => {
    const rig = follower()
    const append = rig.append(sent('a', 0))
    rig.partition.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(append.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })
})

describe('an append is refused at once', () => {
  it('by a replica that can not be elected', () => {
    const rig = follower({ ...FOLLOWED, isr: [OTHER] })
    expect(rig.append(sent('a', 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
  })

  it('by one that led until a moment ago, whose clients had better ask for metadata', () => {
    const rig = follower(LED)
    rig.partition.update({ ...FOLLOWED, leaderEpoch: 5 as LeaderEpoch, partitionEpoch: 2 })
    expect(rig.append(sent('a', 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    rig.time.advance(5001)
    expect(rig.append(sent('a', 0)).settled).toBe(false)
  })
})

describe('what was sent behind an append that a replica refused before it led', () => {
  it('is refused like it, for as long as it may have been on its way', () => {
    const rig = follower({ ...FOLLOWED, isr: [OTHER] })
    expect(rig.append(sent('a', 0)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    rig.partition.update(LED)
    expect(rig.append(sent('b', 1)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    const again = ['a', 'b'].map((value, sequence) => rig.append(sent(value, sequence), 1))
    rig.write()
    expect(again.map(({ baseOffset }) => baseOffset)).toEqual([0, 1])
    expect(rig.append(sent('d', 3)).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    rig.time.advance(2000)
    expect(rig.append(sent('d', 3)).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })
})
