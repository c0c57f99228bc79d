import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { nodeClock } from '../../src/node/clock.ts'

test(
  'the time that never goes back is the same in all threads of a process',
  { timeout: 60_000 },
  async () => {
    const worker = new Worker(
      `require('node:worker_threads').parentPort.on('message', () =>
       require('node:worker_threads').parentPort.postMessage(performance.now()))`,
      { eval: true },
    )
    try {
      const ask = async (): Promise<number> => {
        const told = new Promise<number>((resolve) => worker.once('message', resolve))
        worker.postMessage(null)
        return await told
      }
      await ask()
      const beforeMs = nodeClock.monoMs()
      const thereMs = await ask()
      // Between the question and the answer, but for what a thread's clock is read with.
      expect(thereMs).toBeGreaterThanOrEqual(beforeMs - 1)
      expect(thereMs).toBeLessThanOrEqual(nodeClock.monoMs() + 1)
    } finally {
      await worker.terminate()
    }
  },
)
