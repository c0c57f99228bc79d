import { nodeId } from '@millrace/base'
import type { OngoingReassignment, PartitionReassignment } from '@millrace/client'
import { describe, expect, test } from 'vitest'
import { type RunProgress, runReassignments } from '../../src/partitions/reassignment-run.ts'
import { topic } from '../quorum-descriptions.ts'

type RunAdmin = Parameters<typeof runReassignments>[0]

/** Each reassignment is still there when it is first looked at, and done at the second look. */
class FakeAdmin implements RunAdmin {
  readonly started: string[][] = []
  readonly #looks = new Map<number, number>()
  /** Replicas by partition of topic t. */
  readonly #places: number[][]
  readonly #looksNeeded: number

  constructor(partitions: number, looksNeeded = 1) {
    this.#places = Array.from({ length: partitions }, () => [1])
    this.#looksNeeded = looksNeeded
  }

  alterPartitionReassignments(moves: readonly PartitionReassignment[]): Promise<void> {
    this.started.push(moves.map(({ partition }) => String(partition)))
    for (const { partition, replicas } of moves) {
      this.#looks.set(partition, 0)
      this.#places[partition] = [...replicas!]
    }
    return Promise.resolve()
  }

  listPartitionReassignments(): Promise<OngoingReassignment[]> {
    const ongoing: OngoingReassignment[] = []
    for (const [partition, looks] of this.#looks) {
      this.#looks.set(partition, looks + 1)
      if (looks >= this.#looksNeeded) continue
      const move = {
        replicas: [1, 2].map(nodeId),
        addingReplicas: [nodeId(2)],
        removingReplicas: [nodeId(1)],
      }
      ongoing.push({ topic: 't', partition, ...move })
    }
    return Promise.resolve(ongoing)
  }

  describeReplicas(): ReturnType<RunAdmin['describeReplicas']> {
    const replica = { topic: 't', partition: 0, sizeBytes: 1 }
    const replicas = [
      { ...replica, broker: nodeId(2), lag: 10 },
      { ...replica, broker: nodeId(3), lag: 99 },
    ]
    return Promise.resolve({ replicas, unreachable: [] })
  }

  describeTopics(): ReturnType<RunAdmin['describeTopics']> {
    return Promise.resolve([topic('t', this.#places)])
  }

  cancel(partition: number): void {
    this.#places[partition] = [1]
  }
}

const moves = (count: number) =>
  Array.from({ length: count }, (_, partition) => ({ topic: 't', partition, replicas: [2] }))
const signal = new AbortController().signal

describe('a run of reassignments', () => {
  test('moves so many at a time, until all are where they are to be', async () => {
    const admin = new FakeAdmin(5, 0)
    const seen: RunProgress[] = []
    await runReassignments(admin, moves(5), {
      concurrency: 2,
      signal,
      onProgress: (progress) => seen.push(progress),
    })
    expect(admin.started).toEqual([['0', '1'], ['2', '3'], ['4']])
    expect(seen.at(-1)).toEqual({ done: 5, total: 5, lag: 0 })
  })

  test('tells how many records the new replicas lack', async () => {
    const seen: RunProgress[] = []
    await runReassignments(new FakeAdmin(1), moves(1), {
      concurrency: 2,
      signal,
      onProgress: (progress) => seen.push(progress),
    })
    expect(seen).toEqual([
      { done: 0, total: 1, lag: 10 },
      { done: 1, total: 1, lag: 0 },
    ])
  })

  test('fails when somebody has cancelled one of them', async () => {
    const admin = new FakeAdmin(3, 0)
    const run = runReassignments(admin, moves(3), {
      concurrency: 3,
      signal,
      onProgress: () => admin.cancel(1),
      arrivalTimeoutMs: 0,
    })
    await expect(run).rejects.toMatchObject({
      code: 'REASSIGNMENT_CANCELLED',
      message: '1 partition ended elsewhere, t-1 among them',
    })
  })

  test('waits for a broker that has not heard yet where a partition is', async () => {
    const admin = new FakeAdmin(1, 0)
    let looks = 0
    const stale: RunAdmin = {
      alterPartitionReassignments: (asked) => admin.alterPartitionReassignments(asked),
      listPartitionReassignments: () => admin.listPartitionReassignments(),
      describeReplicas: () => admin.describeReplicas(),
      describeTopics: () => (looks++ === 0 ? Promise.resolve([topic('t', [[1]])]) : admin.describeTopics()),
    }
    await runReassignments(stale, moves(1), { concurrency: 1, signal, onProgress: () => {} })
    expect(looks).toBe(2)
  })

  test('ends when it is interrupted', async () => {
    const controller = new AbortController()
    const run = runReassignments(new FakeAdmin(1, Infinity), moves(1), {
      concurrency: 1,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  })
})
