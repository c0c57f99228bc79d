import { describe, expect, it } from 'vitest'
import { PartitionCursor } from '../../src/fetch/partition-cursor.ts'
import { PrefetchQueue } from '../../src/fetch/prefetch-queue.ts'

function rig() {
  const queue = new PrefetchQueue()
  const cursors = [0, 1].map(
    (partition) => new PartitionCursor('flights', partition, { offset: 0 }, undefined),
  )
  const push = (partition: number, bytes: number): void => {
    const cursor = cursors[partition]!
    queue.push({
      kind: 'chunk',
      cursor,
      generation: cursor.generation,
      records: Buffer.alloc(bytes),
      at: 0,
      end: bytes,
      bytes,
    })
  }
  return { queue, cursors, push }
}

describe('prefetch queue', () => {
  it('keeps the order of arrival and counts what it holds', () => {
    const { queue, push } = rig()
    push(0, 10)
    push(1, 20)
    push(0, 30)
    const sizes: number[] = []
    for (let entry = queue.peek(); entry !== null; entry = queue.peek()) {
      sizes.push(queue.bytes)
      queue.shift()
    }
    expect(sizes).toEqual([60, 50, 30])
    expect(queue.bytes).toBe(0)
  })

  it('drops what was fetched for a position that nobody wants any more', () => {
    const { queue, cursors, push } = rig()
    push(0, 10)
    push(1, 20)
    push(0, 30)
    cursors[0]!.seek('end')
    queue.prune()
    expect(queue.bytes).toBe(20)
    expect(queue.peek()!.cursor).toBe(cursors[1])
    queue.shift()
    expect(queue.peek()).toBeNull()
  })

  it('drops it on the way, too', () => {
    const { queue, cursors, push } = rig()
    push(0, 10)
    push(1, 20)
    cursors[0]!.pause()
    expect(queue.peek()!.cursor).toBe(cursors[1])
    expect(queue.bytes).toBe(20)
  })
})
