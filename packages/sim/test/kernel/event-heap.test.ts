import { seededRng } from '@millrace/base'
import { expect, it } from 'vitest'
import { EventHeap, type SimEvent } from '../../src/kernel/event-heap.ts'
import { EventKind } from '../../src/kernel/trace.ts'

it('gives events back by time, then in the order in which they came, without the cancelled ones', () => {
  const rng = seededRng(1)
  const heap = new EventHeap()
  let model: SimEvent[] = []
  const inOrder = (): SimEvent[] => model.toSorted((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)
  for (let sequence = 1; sequence <= 20_000; sequence += 1) {
    const draw = rng.below(10)
    if (draw < 6) {
      const event = {
        timeMs: rng.below(50),
        sequence,
        kind: EventKind.task,
        owner: null,
        run: () => {},
        queued: false,
      }
      model.push(event)
      heap.push(event)
    } else if (draw < 9 && model.length > 0) {
      // Most are cancelled: the clean-up runs many times.
      const event = model[rng.below(model.length)]!
      heap.cancel(event)
      heap.cancel(event)
      model = model.filter((other) => other !== event)
    } else if (sequence % 500 === 0) {
      expect(heap.pop()).toBe(inOrder()[0])
      model = inOrder().slice(1)
    }
    expect(heap.size).toBe(model.length)
  }
  for (const event of inOrder()) expect(heap.pop()).toBe(event)
  expect(heap.pop()).toBeUndefined()
})
