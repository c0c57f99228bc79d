import { describe, expect, it } from 'vitest'
import { nodeId } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { CompressionType } from '@millrace/record'
import { FetchWait } from '../../src/partition/fetch-wait.ts'
import { batchOf } from '../support/batches.ts'
import { microtasks } from '../support/virtual-time.ts'
import { IMAGE, PartitionRig, settingsOf } from './partition-rig.ts'

/** Compressed, and above what is validated on the shard. */
function slow(name: string): Buffer {
  const noise = Array.from({ length: 200 }, (_, i) => String(Math.sin(i))).join(' ')
  return batchOf([`${name} ${noise}`], { compression: CompressionType.gzip })
}

const names = (values: readonly string[]): string[] => values.map((value) => value.split(' ')[0]!)

describe('the order of appends', () => {
  it('is the order of their arrival, also when an earlier batch takes longer to validate', async () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    const appends = [rig.append(slow('first')), rig.append(batchOf(['second'])), rig.append(slow('third'))]
    rig.write()
    expect(appends.map(({ settled }) => settled)).toEqual([false, false, false])

    rig.validations.pop()!()
    await microtasks()
    rig.write()
    expect(appends.map(({ settled }) => settled)).toEqual([false, false, false])

    for (const finish of rig.validations.splice(0)) finish()
    await microtasks()
    rig.time.endTurn()
    expect(appends.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ])
    expect(names(rig.values())).toEqual(['first', 'second', 'third'])
  })

  it('keeps a copy of what is being validated, because the memory of the request is used again', async () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    const batch = slow('kept')
    rig.append(batch)
    batch.fill(0)
    rig.validations[0]!()
    await microtasks()
    rig.time.endTurn()
    expect(names(rig.values())).toEqual(['kept'])
  })

  it('takes nothing of a batch that the pool refuses, and everything behind it', async () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    const corrupt = slow('damaged')
    corrupt[corrupt.length - 20]! ^= 1
    const appends = [rig.append(corrupt), rig.append(batchOf(['sound']))]
    for (const finish of rig.validations) finish()
    for (let i = 0; i < 2; i++) await microtasks()
    for (const finish of rig.validations.slice(1)) finish()
    await microtasks()
    rig.time.endTurn()
    expect(appends.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([
      [ErrorCode.CORRUPT_MESSAGE, -1],
      [0, 0],
    ])
  })

  it('gives up what is being validated when the partition leaves', async () => {
    const rig = new PartitionRig()
    const append = rig.append(slow('late'))
    rig.partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(append.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    rig.validations[0]!()
    await microtasks()
    rig.time.endTurn()
    expect(rig.partition.log.logEndOffset).toBe(0)
  })
})

describe('flush policy commit', () => {
  it('answers acks=1 after the write, acks=all after the flush, and shows consumers what is flushed', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    const leaderOnly = rig.append(batchOf(['a']), 1)
    const everyone = rig.append(batchOf(['b']), -1)
    expect(leaderOnly.settled).toBe(false)
    rig.write()
    expect([leaderOnly.settled, everyone.settled]).toEqual([true, false])
    expect(rig.partition.highWatermark).toBe(0)

    rig.flushed()
    expect([everyone.settled, everyone.errorCode]).toEqual([true, 0])
    expect(rig.partition.highWatermark).toBe(2)
    expect(rig.values()).toEqual(['a', 'b'])
  })

  it('makes one flush of everything that was written while another one ran', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    // The first flush also makes the folder and its files durable.
    rig.append(batchOf(['first']))
    rig.write()
    rig.flushed()

    const appends = [rig.append(batchOf(['a']))]
    rig.write()
    for (const value of ['b', 'c', 'd']) {
      appends.push(rig.append(batchOf([value])))
      rig.write()
    }
    let syncs = 0
    while (appends.some(({ settled }) => !settled) && rig.disk.completeNext()) syncs++
    expect(appends.every(({ settled, errorCode }) => settled && errorCode === 0)).toBe(true)
    expect(syncs).toBe(2)
  })

  it('answers KAFKA_STORAGE_ERROR when a flush fails, and takes no more appends, but serves what was committed', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    rig.append(batchOf(['committed']))
    rig.write()
    rig.flushed()

    rig.disk.fail({ operation: 'sync', path: /\.log$/, code: 'EIO' })
    const lost = rig.append(batchOf(['lost']))
    rig.write()
    rig.flushed()
    expect(lost.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    const later = rig.append(batchOf(['later']))
    rig.write()
    rig.flushed()
    expect(later.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR)
    expect(rig.values()).toEqual(['committed'])
  })
})

describe('the other flush policies', () => {
  it('interval: answers after the write and flushes in the background', () => {
    const rig = new PartitionRig({ 'flush.policy': 'interval', 'flush.ms': '100' })
    const append = rig.append(batchOf(['a']))
    rig.write()
    expect(append.settled).toBe(true)
    expect(rig.partition.highWatermark).toBe(1)
    rig.flushed()
    expect(rig.partition.log.recoveryPoint).toBe(0)
    rig.time.advance(100)
    rig.flushed()
    expect(rig.partition.log.recoveryPoint).toBe(1)
    expect(rig.deadlines.size).toBe(0)
  })

  it('os: answers after the write and never flushes', () => {
    const rig = new PartitionRig({ 'flush.policy': 'os' })
    const append = rig.append(batchOf(['a']))
    rig.write()
    rig.time.advance(3_600_000)
    rig.flushed()
    expect([append.settled, rig.partition.highWatermark, rig.partition.log.recoveryPoint]).toEqual([
      true,
      1,
      0,
    ])
  })

  it('a change away from commit shows consumers at once what was only written', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    const append = rig.append(batchOf(['a']))
    rig.write()
    rig.partition.reconfigure(settingsOf({ 'flush.policy': 'os' }))
    expect([append.settled, rig.partition.highWatermark]).toEqual([true, 1])
  })
})

describe('a full disk', () => {
  it('answers KAFKA_STORAGE_ERROR, loses nothing acknowledged, and goes on once there is room again', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    rig.append(batchOf(['before']))
    rig.write()
    rig.flushed()

    rig.disk.fail({ operation: 'pwritev', path: /\.log$/, code: 'ENOSPC' })
    const refused = [rig.append(batchOf(['x'])), rig.append(batchOf(['y']), 1)]
    rig.write()
    expect(refused.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([
      [ErrorCode.KAFKA_STORAGE_ERROR, -1],
      [ErrorCode.KAFKA_STORAGE_ERROR, -1],
    ])
    expect(refused[0]!.errorMessage).toContain('ENOSPC')

    const after = rig.append(batchOf(['after']))
    rig.write()
    rig.flushed()
    expect([after.errorCode, after.baseOffset]).toEqual([0, 1])
    expect(rig.values()).toEqual(['before', 'after'])
  })
})

describe('waiting fetches', () => {
  it('hear of what consumers may read, not of what is only written', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    let completed = false
    void new FetchWait(1, 1000, [rig.partition], rig.deadlines, () => (completed = true))
    rig.append(batchOf(['a']))
    rig.write()
    expect(completed).toBe(false)
    rig.flushed()
    expect(completed).toBe(true)
  })

  it('are answered when the partition leaves this shard', () => {
    const rig = new PartitionRig()
    let completed = false
    void new FetchWait(1, 1000, [rig.partition], rig.deadlines, () => (completed = true))
    rig.partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(completed).toBe(true)
  })
})

describe('acks=all', () => {
  it('is refused while fewer replicas are in sync than min.insync.replicas asks for; acks=1 is not', () => {
    const image = { ...IMAGE, replicas: [nodeId(1), nodeId(2)], isr: [nodeId(1)] }
    const rig = new PartitionRig({ 'min.insync.replicas': '2', 'flush.policy': 'os' }, image)
    const refused = rig.append(batchOf(['a']), -1)
    expect(refused).toMatchObject({ errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, tellsLogStart: true })
    const leaderOnly = rig.append(batchOf(['b']), 1)
    rig.write()
    expect([leaderOnly.settled, leaderOnly.errorCode]).toEqual([true, 0])
  })

  it('needs no more replicas than the topic has', () => {
    const rig = new PartitionRig({ 'min.insync.replicas': '2', 'flush.policy': 'os' })
    const append = rig.append(batchOf(['a']), -1)
    rig.write()
    expect(append.errorCode).toBe(0)
  })

  it('is answered with what the close says when the partition leaves before the flush', () => {
    const rig = new PartitionRig({ 'flush.policy': 'commit' })
    const append = rig.append(batchOf(['a']))
    rig.partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(append.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(rig.disk.completeNext()).toBe(true)
    rig.flushed()
  })
})
