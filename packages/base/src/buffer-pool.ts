/**
 * Recycled memory for frames, batches and read buffers: a fresh buffer of 64 KiB or more costs several times what
 * filling it does.
 *
 * Owns: what is pooled now, at most `maxPooledBytes`. Must not know: who uses a buffer. Buffers come in power-of-two
 * sizes from `MIN_POOLED_BYTES` up and own their memory, so that they can be posted and transferred.
 * Invariant: whoever takes a buffer gives it back at most once and does not touch it afterwards.
 */
import { assert } from './assert.ts'

/** Below this size an ordinary allocation is cheaper than the pool. */
const MIN_POOLED_BYTES = 16 * 1024

export interface BufferPoolOptions {
  /** Buffers given back beyond this are left to the garbage collector. */
  readonly maxPooledBytes: number
}

export class BufferPool {
  readonly #maxPooledBytes: number
  /** Free buffers by the binary logarithm of their size. */
  readonly #free: Buffer[][] = []
  #pooledBytes = 0

  constructor(options: BufferPoolOptions) {
    this.#maxPooledBytes = options.maxPooledBytes
  }

  /** Bytes that wait in the pool. */
  get pooledBytes(): number {
    return this.#pooledBytes
  }

  /** @returns a buffer of at least `minBytes`, with whatever content its last user left */
  take(minBytes: number): Buffer {
    assert(minBytes >= 0 && minBytes <= 2 ** 30, `buffer size out of range: ${minBytes}`)
    const exponent = sizeClass(minBytes)
    const buffer = this.#free[exponent]?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(2 ** exponent)
    this.#pooledBytes -= buffer.length
    return buffer
  }

  /** Only for buffers from `take`, whole. */
  give(buffer: Buffer): void {
    const exponent = sizeClass(buffer.length)
    assert(
      buffer.length === 2 ** exponent && buffer.buffer.byteLength === buffer.length,
      'not a pooled buffer',
    )
    if (this.#pooledBytes + buffer.length > this.#maxPooledBytes) return
    this.#pooledBytes += buffer.length
    ;(this.#free[exponent] ??= []).push(buffer)
  }
}

function sizeClass(bytes: number): number {
  return 32 - Math.clz32(Math.max(bytes, MIN_POOLED_BYTES) - 1)
}
