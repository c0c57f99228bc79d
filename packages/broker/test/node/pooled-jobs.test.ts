import { afterEach, describe, expect, it, vi } from 'vitest'
import { silentLog } from '@millrace/base/node'
import { batchValidation, CompressionType } from '@millrace/record'
import { PooledJobs } from '../../src/node/pooled-jobs.ts'
import { batchOf } from '../support/batches.ts'

// Threads take their time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const LIMITS = { maxBatchBytes: 1 << 20, maxDecompressedBytes: 1 << 24, requireKey: false }
const sound = batchOf(['a', 'b'], { compression: CompressionType.gzip })
const corrupt = Buffer.from(sound)
corrupt[corrupt.length - 1]! ^= 1

const pools: PooledJobs[] = []
afterEach(async () => {
  for (const jobs of pools.splice(0)) await jobs.close()
})

function jobsWith(threads: { readonly codec: number; readonly maintenance: number }): PooledJobs {
  const jobs = new PooledJobs({ threads, log: silentLog })
  pools.push(jobs)
  return jobs
}

/** How many threads start while `action` runs. */
async function threadsOf(action: () => Promise<void>): Promise<number> {
  let threads = 0
  const count = (): void => void threads++
  process.on('worker', count)
  await action()
  process.off('worker', count)
  return threads
}

describe('PooledJobs', () => {
  it('starts no thread before the first job, and no more than it may', async () => {
    const threads = await threadsOf(async () => {
      const jobs = jobsWith({ codec: 1, maintenance: 1 })
      expect(
        await Promise.all([
          jobs.run(batchValidation, { batch: sound, limits: LIMITS }),
          jobs.run(batchValidation, { batch: corrupt, limits: LIMITS }),
        ]),
      ).toEqual([null, expect.objectContaining({ kind: 'corrupt' })])
    })
    expect(threads).toBe(1)
    expect(await threadsOf(async () => void jobsWith({ codec: 1, maintenance: 1 }))).toBe(0)
  })

  it('runs jobs on the calling thread where it may start none', async () => {
    const threads = await threadsOf(async () => {
      const jobs = jobsWith({ codec: 0, maintenance: 0 })
      expect(await jobs.run(batchValidation, { batch: sound, limits: LIMITS })).toBeNull()
    })
    expect(threads).toBe(0)
  })

  it('rejects a job that throws, and runs the next one', async () => {
    const jobs = jobsWith({ codec: 1, maintenance: 0 })
    const impossible = { batch: null, limits: LIMITS } as never
    await expect(jobs.run(batchValidation, impossible)).rejects.toThrow()
    expect(await jobs.run(batchValidation, { batch: sound, limits: LIMITS })).toBeNull()
  })
})
