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

const queueOf = (...batches: ProducerBatch[]): PartitionQueue => {
  const queue = new PartitionQueue('flights', 0, { lingerMs: 5, batchBytes: 1000 })
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
    expect(queue.take()).toBe(first)
    expect(queue.readyAtMs(true)).toBe(Infinity)
    expect(queue.canSend(1e9)).toBe(false)
    expect(() => queue.take()).toThrow()
    queue.onDone()
    expect(queue.take()).toBe(second)
  })

  it('sends a failed batch again before all others, after its backoff', () => {
    const [first, second] = [batch(0), batch(1)]
    const queue = queueOf(first, second)
    queue.take()
    queue.onRetry(500)
    expect(queue.readyAtMs(true)).toBe(500)
    expect(queue.canSend(499)).toBe(false)
    expect(queue.take()).toBe(first)
    expect(first.attempts).toBe(2)
  })

  it('takes no records into a batch that is on its way', () => {
    const queue = queueOf(batch(0))
    expect(queue.open).not.toBeNull()
    queue.take()
    expect(queue.open).toBeNull()
  })

  it('puts the parts of a split batch in its place', () => {
    const [first, second, left, right] = [batch(0), batch(1), batch(0), batch(0)]
    const queue = queueOf(first, second)
    queue.take()
    queue.onSplit([left, right])
    expect(queue.batches).toEqual([left, right, second])
    expect(queue.take()).toBe(left)
  })

  it('gives up batches whose time is over, but not one that is in flight', () => {
    const batches = [batch(0), batch(1), batch(500)]
    const queue = queueOf(...batches)
    queue.take()
    expect(queue.takeExpired(1100)).toEqual([batches[1]])
    queue.onRetry(0)
    expect(queue.takeExpired(1100)).toEqual([batches[0]])
    expect(queue.batches).toEqual([batches[2]])
    expect(queue.open).toBe(batches[2])
  })
})
