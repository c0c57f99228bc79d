import type { Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { PendingFetches } from '../../../src/replica/fetcher/pending-fetches.ts'
import { followerFetch, TestFollower, TOPIC_ID } from './scripted-leader.ts'

const BYTES_MAX = 1000

class Fetches {
  readonly pending = new PendingFetches()
  readonly followers = [0, 1, 2].map((index) => new TestFollower(index))
  #nextFetchId = 1

  add(index: number, changes: { readonly brokerEpoch?: number } = {}): number {
    const fetchId = this.#nextFetchId++
    const fetch = { ...followerFetch(fetchId), ...changes }
    this.pending.add({ replica: this.followers[index]!, fetch, isRedirected: false })
    return fetchId
  }

  remove(index: number): void {
    this.pending.remove(this.followers[index]!)
  }

  /** What the next requests name and forget. */
  news(): { readonly named: number[][]; readonly forgotten: number[] } {
    const news = this.pending.takeNews(BYTES_MAX)
    return {
      named: news.map(({ topics }) =>
        topics.flatMap(({ partitions }) => partitions.map(({ fetchId }) => fetchId!)),
      ),
      forgotten: news.flatMap(({ forgottenTopicsData }) =>
        forgottenTopicsData.flatMap(({ partitions }) => partitions),
      ),
    }
  }

  answered(index: number, fetchId: number): boolean {
    return this.pending.takeAnswered(TOPIC_ID, index, fetchId) !== null
  }
}

const NOTHING = { named: [], forgotten: [] }

describe('what a leader has to hear', () => {
  it('is each fetch once', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.add(1)
    expect(fetches.news()).toEqual({ named: [[1, 2]], forgotten: [] })
    expect(fetches.news()).toEqual(NOTHING)
    fetches.add(0)
    expect(fetches.news()).toEqual({ named: [[3]], forgotten: [] })
  })

  it('is what to forget, only of what it has', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.add(1)
    fetches.remove(1)
    fetches.news()
    fetches.remove(0)
    fetches.remove(1)
    expect(fetches.news()).toEqual({ named: [[]], forgotten: [0] })
    expect(fetches.news()).toEqual(NOTHING)
  })

  it('is nothing of a fetch that it has answered', () => {
    const fetches = new Fetches()
    const fetchId = fetches.add(0)
    fetches.news()
    expect(fetches.answered(0, fetchId)).toBe(true)
    fetches.remove(0)
    expect(fetches.news()).toEqual(NOTHING)
  })

  it('is to forget the fetch that it has, also when another was to take its place in the meantime', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.news()
    fetches.remove(0)
    fetches.add(0)
    fetches.remove(0)
    expect(fetches.news()).toEqual({ named: [[]], forgotten: [0] })
  })

  it('is the new fetch alone where it takes the place of one that was to be forgotten', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.news()
    fetches.remove(0)
    fetches.add(0)
    expect(fetches.news()).toEqual({ named: [[2]], forgotten: [] })
  })

  it('is said of each process of the broker by itself, what to forget once', () => {
    const fetches = new Fetches()
    fetches.add(2)
    fetches.news()
    fetches.remove(2)
    fetches.add(0, { brokerEpoch: 7 })
    fetches.add(1, { brokerEpoch: 8 })
    expect(fetches.news()).toEqual({ named: [[2], [3]], forgotten: [2] })
  })
})

describe('an answer', () => {
  it('finds the fetch that it names, once, and no other', () => {
    const fetches = new Fetches()
    fetches.add(0)
    const second = fetches.add(0)
    fetches.news()
    expect(fetches.answered(0, 1)).toBe(false)
    expect(fetches.answered(1, second)).toBe(false)
    expect(fetches.pending.takeAnswered('bWlsbHJhY2UtYnJva2VyMg' as Uuid, 0, second)).toBeNull()
    expect(fetches.answered(0, second)).toBe(true)
    expect(fetches.answered(0, second)).toBe(false)
    expect(fetches.pending.isEmpty).toBe(true)
  })

  it('to a fetch before the last leaves nothing to forget, unless the last was sent, too', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.news()
    fetches.add(0)
    expect(fetches.answered(0, 1)).toBe(false)
    fetches.remove(0)
    expect(fetches.news()).toEqual(NOTHING)
    fetches.add(0)
    fetches.news()
    fetches.add(0)
    fetches.news()
    fetches.answered(0, 3)
    fetches.remove(0)
    expect(fetches.news()).toEqual({ named: [[]], forgotten: [0] })
  })
})

describe('the end of a connection', () => {
  it('gives all fetches back, and leaves nothing to say', () => {
    const fetches = new Fetches()
    fetches.add(0)
    fetches.add(1)
    fetches.news()
    fetches.remove(1)
    fetches.add(2)
    expect(fetches.pending.takeAll().map(({ fetch }) => fetch.fetchId)).toEqual([1, 3])
    expect(fetches.news()).toEqual(NOTHING)
    expect(fetches.pending.isEmpty).toBe(true)
  })
})
