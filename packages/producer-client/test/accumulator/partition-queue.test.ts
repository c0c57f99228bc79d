import { BufferPool } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { PartitionQueue } from '../../src/accumulator/partition-queue.ts'
import { ProducerBatch } from '../../src/accumulator/producer-batch.ts'

const pool = new BufferPool({ maxPooledBytes: 0 })

function batch(createdMs: number, valueBytes = 10): ProducerBatch {
  const made = new ProducerBatch({
    topic: 'flights',
    partition: 0,
    maxBytes: 10_000,
    pool,
    compression: 0,
    createdMs,
    deadlineMs: createdMs + 1000,
  })
  made.tryAppend(0, null, Buffer.alloc(valueBytes), undefined, { onDelivered: () => {}, onFailed: () => {} })
  return made
}

const queueOf = (...batches: ProducerBatch[]): PartitionQueue => pipelineOf(1, ...batches)

const pipelineOf = (partitionInFlightMax: number, ...batches: ProducerBatch[]): PartitionQueue => {
  const queue = new PartitionQueue('flights', 0, { lingerMs: 5, batchBytes: 1000, partitionInFlightMax })
  for (const one of batches) queue.push(one)
  return queue
}

describe('partition queue', () => {
  it('lets a small batch linger, and nobody else', () => {
    expect(queueOf(batch(100)).readyAtMs(false)).toBe(105)
    expect(queueOf(batch(100)).readyAtMs(true)).toBe(0)
    expect(queueOf(batch(100, 2000)).readyAtMs(false)).toBe(0)
    expect(queueOf(batch(100), batch(101)).readyAtMs(false)).toBe(0)
    expect(queueOf().readyAtMs(true)).toBe(Infinity)
  })

  it('has at most one batch in flight, the first', () => {
    const [first, second] = [batch(0), batch(1)]
    const queue = queueOf(first, second)
    expect(queue.take(null)).toBe(first)
    expect(queue.readyAtMs(true)).toBe(Infinity)
    expect(queue.canSend(1e9)).toBe(false)
    expect(() => queue.take(null)).toThrow()
    queue.onDone(first)
    expect(queue.take(null)).toBe(second)
  })

  it('sends a batch that failed at one leader to another one without waiting', () => {
    const first = batch(0)
    const queue = queueOf(first)
    queue.onLeaderEpoch(3)
    queue.take(null)
    queue.onRetry(first, 500)
    queue.onLeaderEpoch(3)
    expect(queue.readyAtMs(true)).toBe(500)
    queue.onLeaderEpoch(4)
    expect(queue.readyAtMs(true)).toBe(0)
    queue.take(null)
    queue.onLeaderEpoch(5)
    // An answer of the leader before: what it says holds no more.
    queue.onRetry(first, 900)
    expect(queue.readyAtMs(true)).toBe(0)
    queue.take(null)
    queue.onRetry(first, 900)
    expect(queue.readyAtMs(true)).toBe(900)
  })

  it('sends a failed batch again before all others, after its backoff', () => {
    const [first, second] = [batch(0), batch(1)]
    const queue = queueOf(first, second)
    queue.take(null)
    queue.onRetry(first, 500)
    expect(queue.readyAtMs(true)).toBe(500)
    expect(queue.canSend(499)).toBe(false)
    expect(queue.take(null)).toBe(first)
    expect(first.attempts).toBe(2)
  })

  it('takes no records into a batch that is on its way', () => {
    const queue = queueOf(batch(0))
    expect(queue.open).not.toBeNull()
    queue.take(null)
    expect(queue.open).toBeNull()
  })

  it('puts the parts of a split batch in its place', () => {
    const [first, second, left, right] = [batch(0), batch(1), batch(0), batch(0)]
    const queue = queueOf(first, second)
    queue.take(null)
    queue.onSplit(first, [left, right])
    expect(queue.batches).toEqual([left, right, second])
    expect(queue.take(null)).toBe(left)
  })

  it('gives up batches whose time is over, but not one that is in flight', () => {
    const batches = [batch(0), batch(1), batch(500)]
    const queue = queueOf(...batches)
    queue.take(null)
    expect(queue.takeExpired(1100)).toEqual([batches[1]])
    queue.onRetry(batches[0]!, 0)
    expect(queue.takeExpired(1100)).toEqual([batches[0]])
    expect(queue.batches).toEqual([batches[2]])
    expect(queue.open).toBe(batches[2])
  })
})

describe('partition queue of an idempotent producer', () => {
  const identity = { producerId: 4000, producerEpoch: 0 }

  /** With the first batch stored, so that more than one may be on its way. */
  function proven(...batches: ProducerBatch[]): PartitionQueue {
    const first = batch(0)
    const queue = pipelineOf(5, first, ...batches)
    queue.take(identity)
    expect(queue.next).toBeNull()
    queue.sequence.onStored(first.sequence!)
    queue.onDone(first)
    return queue
  }

  it('sends full batches behind others, and lets the open one grow', () => {
    const batches = [batch(0), batch(1), batch(2)]
    const queue = proven(...batches)
    expect([queue.take(identity), queue.take(identity)]).toEqual(batches.slice(0, 2))
    expect(batches.slice(0, 2).map(({ sequence }) => sequence?.baseSequence)).toEqual([1, 2])
    expect([queue.readyAtMs(true), queue.canSend(1e9)]).toEqual([Infinity, false])
  })

  it('sends a failed batch again only as the first, as it was, and nothing new meanwhile', () => {
    const batches = [batch(0), batch(1), batch(2), batch(3)]
    const queue = proven(...batches)
    const [first, second, third] = batches as [ProducerBatch, ProducerBatch, ProducerBatch, ProducerBatch]
    for (let count = 0; count < 2; count++) queue.take(identity)
    queue.onRetry(second, 0)
    expect(queue.next).toBeNull()
    queue.onRetry(first, 0)
    expect(queue.take(identity)).toBe(first)
    expect(queue.next).toBeNull()
    queue.onDone(first)
    expect(queue.take(identity)).toBe(second)
    expect(second.sequence?.baseSequence).toBe(2)
    expect(queue.take(identity)).toBe(third)
  })

  it('begins a new epoch behind a gap, when nothing is on its way any more', () => {
    const batches = [batch(0), batch(1), batch(2), batch(3)]
    const queue = proven(...batches)
    const [first, second, third] = batches as [ProducerBatch, ProducerBatch, ProducerBatch, ProducerBatch]
    for (let count = 0; count < 3; count++) queue.take(identity)
    queue.sequence.onGap()
    queue.onDone(first)
    queue.onRetry(second, 0)
    expect(queue.next).toBeNull()
    queue.onRetry(third, 0)
    queue.take(identity)
    expect(second.sequence).toEqual({ producerId: 4000, producerEpoch: 1, baseSequence: 0 })
    expect(third.sequence).toBeNull()
  })

  it('sends a batch that may be stored with its old sequence, gap or not', () => {
    const queue = proven(batch(0), batch(1), batch(2))
    const [first, second] = [queue.take(identity), queue.take(identity)]
    queue.sequence.onGap()
    queue.onDone(first)
    second.isUncertain = true
    queue.onRetry(second, 0)
    queue.take(identity)
    expect(second.sequence).toEqual({ producerId: 4000, producerEpoch: 0, baseSequence: 2 })
  })
})
