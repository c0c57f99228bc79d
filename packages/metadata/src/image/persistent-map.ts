/**
 * An immutable map from strings, cheap to change: a changed copy shares all buckets but the touched ones with its
 * original. With a hundred thousand topics one change copies some six thousand pointers and one bucket, not the map.
 *
 * Invariants: a map handed out never changes; a bucket belongs to exactly one editor until the editor is done.
 */
import { assert } from '@millrace/base'

type Bucket<V> = ReadonlyMap<string, V>

const BUCKETS_MIN = 16
/** Mean entries of a bucket above which their number is doubled. */
const BUCKET_ENTRIES_MAX = 16

export class PersistentMap<V> {
  readonly size: number
  readonly #buckets: readonly Bucket<V>[]

  private constructor(buckets: readonly Bucket<V>[], size: number) {
    this.#buckets = buckets
    this.size = size
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(emptyBuckets(BUCKETS_MIN), 0)
  }

  get(key: string): V | undefined {
    return this.#buckets[bucketIndex(key, this.#buckets.length)]!.get(key)
  }

  has(key: string): boolean {
    return this.#buckets[bucketIndex(key, this.#buckets.length)]!.has(key)
  }

  *entries(): IterableIterator<[string, V]> {
    for (const bucket of this.#buckets) yield* bucket.entries()
  }

  *keys(): IterableIterator<string> {
    for (const bucket of this.#buckets) yield* bucket.keys()
  }

  *values(): IterableIterator<V> {
    for (const bucket of this.#buckets) yield* bucket.values()
  }

  /** A draft of a changed copy; this map stays as it is. */
  edit(): PersistentMapEditor<V> {
    return new PersistentMapEditor(this.#buckets, this.size, (buckets, size) =>
      size === this.size && buckets === this.#buckets ? this : new PersistentMap(buckets, size),
    )
  }
}

export class PersistentMapEditor<V> {
  #buckets: readonly Bucket<V>[]
  #size: number
  readonly #seal: (buckets: readonly Bucket<V>[], size: number) => PersistentMap<V>
  /** Buckets copied by this editor, which it may change in place. Null until the first change. */
  #drafts: Map<string, V>[] | null = null
  #owned = new Set<number>()
  #done = false

  constructor(
    buckets: readonly Bucket<V>[],
    size: number,
    seal: (buckets: readonly Bucket<V>[], size: number) => PersistentMap<V>,
  ) {
    this.#buckets = buckets
    this.#size = size
    this.#seal = seal
  }

  get(key: string): V | undefined {
    return this.#buckets[bucketIndex(key, this.#buckets.length)]!.get(key)
  }

  has(key: string): boolean {
    return this.#buckets[bucketIndex(key, this.#buckets.length)]!.has(key)
  }

  set(key: string, value: V): void {
    const bucket = this.#draft(key)
    const before = bucket.size
    bucket.set(key, value)
    this.#size += bucket.size - before
    if (this.#size > this.#buckets.length * BUCKET_ENTRIES_MAX) this.#grow()
  }

  delete(key: string): void {
    if (!this.has(key)) return
    this.#draft(key).delete(key)
    this.#size -= 1
  }

  /** The changed map. The editor can't be used afterwards: its buckets are the map's now. */
  done(): PersistentMap<V> {
    assert(!this.#done, 'an editor is done once')
    this.#done = true
    return this.#seal(this.#buckets, this.#size)
  }

  #draft(key: string): Map<string, V> {
    assert(!this.#done, 'an editor that is done changes nothing')
    if (this.#drafts === null) {
      // The cast is what ownership allows: only indexes in #owned are ever written through it.
      this.#drafts = this.#buckets.slice() as Map<string, V>[]
      this.#buckets = this.#drafts
    }
    const index = bucketIndex(key, this.#drafts.length)
    if (!this.#owned.has(index)) {
      this.#drafts[index] = new Map(this.#drafts[index])
      this.#owned.add(index)
    }
    return this.#drafts[index]!
  }

  #grow(): void {
    const length = this.#buckets.length * 2
    const drafts: Map<string, V>[] = Array.from({ length }, () => new Map())
    for (const bucket of this.#buckets) {
      for (const [key, value] of bucket) drafts[bucketIndex(key, length)]!.set(key, value)
    }
    this.#drafts = drafts
    this.#buckets = drafts
    this.#owned = new Set(drafts.keys())
  }
}

function emptyBuckets<V>(length: number): Bucket<V>[] {
  const empty: Bucket<V> = new Map()
  return Array.from({ length }, () => empty)
}

/** FNV-1a over the UTF-16 units, folded to a power of two. */
function bucketIndex(key: string, bucketCount: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return (hash ^ (hash >>> 15)) & (bucketCount - 1)
}
