import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { inlineJobs, nodeEntropy, nodeEnv, nodeRng, nodeTimers } from '@millrace/base/node'

describe('the real world', () => {
  it('ends a turn after the I/O callbacks and before any timer', async () => {
    const order: string[] = []
    await new Promise<void>((done) => {
      nodeTimers.after(0, () => {
        order.push('timer')
        done()
      })
      nodeTimers.endOfTurn(() => order.push('end of turn'))
      order.push('call')
    })
    expect(order[0]).toBe('call')
    expect(order).toContain('timer')
  })

  it('cancels a timer', async () => {
    let fired = false
    const timer = nodeTimers.after(1, () => (fired = true))
    nodeTimers.cancel(timer)
    await new Promise<void>((done) => nodeTimers.after(5, done))
    expect(fired).toBe(false)
  })

  it('draws different streams and bytes each time', () => {
    expect([nodeRng().u32(), nodeRng().u32()]).not.toEqual([nodeRng().u32(), nodeRng().u32()])
    expect(nodeEntropy.bytes(16)).not.toEqual(nodeEntropy.bytes(16))
  })

  it('runs a job inline, but never within the call', async () => {
    let ran = false
    const job = { pool: 'codec', module: import.meta.url, run: (n: number) => ((ran = true), n + 1) } as const
    const result = inlineJobs.run(job, 1)
    expect(ran).toBe(false)
    expect(await result).toBe(2)
  })

  it('rejects when a job throws', async () => {
    const job = {
      pool: 'codec',
      module: import.meta.url,
      run: () => {
        throw new Error('bad batch')
      },
    } as const
    await expect(inlineJobs.run(job, null)).rejects.toThrow('bad batch')
  })

  it('halts with an exit code and a reason on stderr', () => {
    const script = `
      import { nodeHost, stderrLog } from '@millrace/base/node'
      nodeHost(stderrLog({ node: 1 })).halt('the disk lies')`
    const run = (): unknown =>
      execFileSync(process.execPath, ['--conditions=source', '--input-type=module', '-e', script], {
        cwd: import.meta.dirname,
        stdio: 'pipe',
      })
    expect(run).toThrow(/error halting .*"node":1.*"reason":"the disk lies"/)
  })

  it('has everything a server needs', () => {
    const env = nodeEnv()
    expect(Object.keys(env).toSorted()).toEqual(
      ['clock', 'disk', 'entropy', 'host', 'jobs', 'log', 'net', 'rng', 'timers'].toSorted(),
    )
    const before = env.clock.monoMs()
    expect(env.clock.monoMs()).toBeGreaterThanOrEqual(before)
    expect(Math.abs(env.clock.wallMs() - Date.now())).toBeLessThan(1000)
  })
})
