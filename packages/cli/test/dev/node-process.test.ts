import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type NodeExit, NodeProcess } from '../../src/dev/node-process.ts'

let folder: string
let node: NodeProcess | null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-node-'))
  node = null
})
afterEach(async () => {
  await node?.stop(0)
  rmSync(folder, { recursive: true })
})

function started(script: string, onExit: (exit: NodeExit) => void = () => {}): NodeProcess {
  node = new NodeProcess({ args: ['-e', script], logFile: join(folder, 'log') }, { onExit })
  node.start()
  return node
}

async function printed(text: string): Promise<void> {
  await vi.waitFor(() => expect(readFileSync(join(folder, 'log'), 'utf8')).toContain(text), 10_000)
}

const ALIVE = 'setInterval(() => {}, 1000); console.log("alive")'

describe('a node process', { timeout: 20_000 }, () => {
  test('that dies tells its last words and is started again, after longer pauses', async () => {
    const exits: NodeExit[] = []
    started('console.log("last words"); process.exit(3)', (exit) => exits.push(exit))
    await vi.waitFor(() => expect(exits).toHaveLength(2), 10_000)
    expect(exits[0]).toEqual({ how: 3, lastLines: ['last words'], restartInMs: 500 })
    expect(exits[1]).toEqual({ how: 3, lastLines: ['last words', 'last words'], restartInMs: 1000 })
    expect(node!.pid).toBeNull()
  })

  test('ends by SIGTERM, and is not started again', async () => {
    const onExit = vi.fn<(exit: NodeExit) => void>()
    const running = started(`process.on('SIGTERM', () => process.exit(0)); ${ALIVE}`, onExit)
    await printed('alive')
    expect(await running.stop(10_000)).toBe(true)
    expect(running.pid).toBeNull()
    expect(onExit).not.toHaveBeenCalled()
  })

  test('that does not heed SIGTERM is killed after the grace period, which is not a clean end', async () => {
    const running = started(`process.on('SIGTERM', () => console.log('no')); ${ALIVE}`)
    await printed('alive')
    expect(await running.stop(50)).toBe(false)
    expect(running.pid).toBeNull()
  })
})
