import { nodeId } from '@millrace/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DrainPlan, planDrain } from '../../src/partitions/drain-plan.ts'
import { topic } from '../quorum-descriptions.ts'

const brokers = (...racks: (string | null)[]) => racks.map((rack, index) => ({ nodeId: index + 1, rack }))

function targets(plan: DrainPlan): Record<string, readonly number[]> {
  if (plan.kind !== 'moves') throw new Error(plan.kind)
  return Object.fromEntries(
    plan.moves.map(({ topic: name, partition, replicas }) => [`${name}-${partition}`, replicas]),
  )
}

describe('the replicas of a broker that leaves', () => {
  test('go to brokers that do not have the partition, in the place of the one that leaves', () => {
    const topics = [
      topic('t', [
        [1, 2],
        [3, 1],
        [2, 3],
      ]),
    ]
    const plan = planDrain({ leaving: 1, brokers: brokers(null, null, null), topics, ongoing: [] })
    expect(targets(plan)).toEqual({ 't-0': [3, 2], 't-1': [3, 2] })
  })

  test('go where the fewest replicas are, and leaderships where the fewest of these are', () => {
    const topics = [topic('a', [[2], [3], [3]]), topic('b', [[1], [1]])]
    const plan = planDrain({ leaving: 1, brokers: brokers(null, null, null), topics, ongoing: [] })
    expect(targets(plan)).toEqual({ 'b-0': [2], 'b-1': [2] })
  })

  test('go to a rack that has none of the partition, although more replicas are there', () => {
    const topics = [topic('t', [[1, 2]]), topic('full', [[4], [4]])]
    const plan = planDrain({ leaving: 1, brokers: brokers('a', 'b', 'b', 'a'), topics, ongoing: [] })
    expect(targets(plan)).toEqual({ 't-0': [4, 2] })
  })

  test('share a rack rather than stay', () => {
    const plan = planDrain({
      leaving: 1,
      brokers: brokers('a', 'b', 'b'),
      topics: [topic('t', [[1, 2]])],
      ongoing: [],
    })
    expect(targets(plan)).toEqual({ 't-0': [3, 2] })
  })

  test('are spread by their bytes where the numbers are the same', () => {
    const topics = [topic('t', [[1], [1], [1], [1]])]
    const sizes = new Map([
      ['t-0', 1],
      ['t-1', 2],
      ['t-2', 30],
      ['t-3', 20],
    ])
    const plan = planDrain({ leaving: 1, brokers: brokers(null, null, null), topics, ongoing: [], sizes })
    expect(targets(plan)).toEqual({ 't-2': [2], 't-3': [3], 't-1': [3], 't-0': [2] })
  })

  test('are not moved again when they are on their way already', () => {
    const ongoing = [
      {
        topic: 't',
        partition: 0,
        replicas: [1, 2, 3].map(nodeId),
        addingReplicas: [nodeId(3)],
        removingReplicas: [nodeId(1)],
      },
    ]
    const plan = planDrain({
      leaving: 1,
      brokers: brokers(null, null, null),
      topics: [topic('t', [[1, 2, 3]])],
      ongoing,
    })
    expect(targets(plan)).toEqual({})
  })

  test('stay when a topic has as many replicas as there would be brokers left', () => {
    const topics = [topic('t', [[1, 2, 3]])]
    expect(planDrain({ leaving: 1, brokers: brokers(null, null, null), topics, ongoing: [] })).toEqual({
      kind: 'too-few-brokers',
      topic: 't',
      replicas: 3,
    })
  })

  test('never take the place of a replica that stays', () => {
    const brokerCount = 6
    const arbitraryReplicas = fc
      .shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 1, maxLength: 5 })
      .map((replicas) => [...replicas])
    fc.assert(
      fc.property(fc.array(arbitraryReplicas, { maxLength: 30 }), (partitions) => {
        const all = brokers(...Array.from({ length: brokerCount }, () => null))
        const plan = planDrain({ leaving: 6, brokers: all, topics: [topic('t', partitions)], ongoing: [] })
        const moved = targets(plan)
        for (const [index, before] of partitions.entries()) {
          const after = moved[`t-${index}`]
          expect(after !== undefined).toBe(before.includes(6))
          if (after === undefined) continue
          expect(after).not.toContain(6)
          expect(new Set(after).size).toBe(before.length)
          expect(after.filter((id, at) => id !== before[at])).toHaveLength(1)
        }
      }),
    )
  })
})
