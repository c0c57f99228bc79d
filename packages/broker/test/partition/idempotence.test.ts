/** What a leader answers to batches that come again (KIP-98; traps 42 and 43). */
import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { batchOf } from '../support/batches.ts'
import { PartitionRig } from './partition-rig.ts'

const sent = (value: string, baseSequence: number, producerEpoch = 0): Buffer =>
  batchOf([value], { producerId: 4000, producerEpoch, baseSequence })

describe('a batch that comes again', () => {
  it('is stored once, and answered with its first offset', () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    rig.append(batchOf(['before']))
    rig.append(sent('a', 0))
    rig.write()
    const again = rig.append(sent('a', 0))
    rig.write()
    expect([again.settled, again.errorCode, again.baseOffset]).toEqual([true, ErrorCode.NONE, 1])
    expect(rig.values()).toEqual(['before', 'a'])
  })

  it('waits for what it repeats: staged, or written and not committed', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    const first = rig.append(sent('a', 0))
    const staged = rig.append(sent('a', 0))
    rig.write()
    rig.append(sent('b', 1))
    const written = rig.append(sent('a', 0))
    rig.write()
    expect([first, staged, written].map(({ settled }) => settled)).toEqual([false, false, false])
    rig.flushed()
    rig.flushed()
    expect([first, staged, written].map(({ settled, baseOffset }) => [settled, baseOffset])).toEqual([
      [true, 0],
      [true, 0],
      [true, 0],
    ])
    expect(rig.values()).toEqual(['a', 'b'])
  })

  it('fails with what it repeats, and is stored when it comes once more', () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    const appends = [rig.append(sent('a', 0)), rig.append(sent('a', 0))]
    rig.disk.setCapacity(0)
    rig.write()
    expect(appends.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.KAFKA_STORAGE_ERROR,
      ErrorCode.KAFKA_STORAGE_ERROR,
    ])
    rig.disk.setCapacity(null)
    const again = rig.append(sent('a', 0))
    rig.write()
    expect([again.errorCode, again.baseOffset]).toEqual([ErrorCode.NONE, 0])
    expect(rig.values()).toEqual(['a'])
  })

  it('is answered at once after a write when the leader alone has to have it', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    rig.append(sent('a', 0), 1)
    const again = rig.append(sent('a', 0), 1)
    rig.write()
    expect([again.settled, again.baseOffset]).toEqual([true, 0])
  })
})

describe('a batch that does not follow', () => {
  it.each([
    ['unknown producer', sent('b', 5), ErrorCode.UNKNOWN_PRODUCER_ID],
    ['gap', sent('c', 2), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER],
    ['older epoch', sent('d', 0, 0), ErrorCode.INVALID_PRODUCER_EPOCH],
  ])('is refused: %s', (kind, batch, errorCode) => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    if (kind !== 'unknown producer') rig.append(sent('a', 0, kind === 'older epoch' ? 1 : 0))
    const refused = rig.append(batch)
    rig.write()
    expect([refused.settled, refused.errorCode]).toEqual([true, errorCode])
  })
})
