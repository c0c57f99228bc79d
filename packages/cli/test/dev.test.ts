import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { freePort } from '../src/dev/free-port.ts'
import { callCli, runCli } from './run-cli.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Ready {
  readonly bootstrap: string
  readonly nodes: readonly {
    readonly id: number
    readonly role: string
    readonly pid: number
    readonly listen: string
    readonly data: string
  }[]
}

interface Dev {
  readonly child: ChildProcess
  readonly ready: Ready
  /** What came on standard output after the first line. */
  readonly rest: string[]
  /** Events, from standard error. */
  readonly events: Record<string, unknown>[]
}

let folder: string
let running: Dev[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-dev-test-'))
  running = []
})
afterEach(async () => {
  for (const dev of running) if (isRunning(dev.child)) await stop(dev)
  rmSync(folder, { recursive: true, force: true })
})

async function startDev(...args: string[]): Promise<Dev> {
  const child = spawn(process.execPath, ['--conditions=source', MAIN, 'dev', ...args, '--output', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const events: Record<string, unknown>[] = []
  createInterface(child.stderr).on('line', (line) => events.push(JSON.parse(line) as Record<string, unknown>))
  const lines = createInterface(child.stdout)
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => null)])
  if (first === null) throw new Error(`dev ended before it was ready: ${JSON.stringify(events)}`)
  const rest: string[] = []
  lines.on('line', (line) => rest.push(line))
  const dev = { child, ready: JSON.parse(String(first[0])) as Ready, rest, events }
  running.push(dev)
  return dev
}

/** @returns exit code and signal, when all its nodes have ended too */
async function stop({ child, ready }: Dev, signal: NodeJS.Signals = 'SIGINT'): Promise<unknown[]> {
  const exited = once(child, 'exit')
  child.kill(signal)
  const how = await exited
  await vi.waitFor(() => expect(ready.nodes.filter(({ pid }) => lives(pid))).toEqual([]), 20_000)
  return how
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // No such process.
    return false
  }
}

async function json(args: string, bootstrap: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await callCli([
    ...args.split(' '),
    '--bootstrap',
    bootstrap,
    '--output',
    'json',
  ])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Of node 1, chosen so that nothing else listens there. */
async function basePort(): Promise<string> {
  return String(Math.min(await freePort(), 60_000))
}

const SMALL = ['--controllers', '1', '--brokers', '1']

describe('millrace dev', { timeout: 120_000 }, () => {
  test('is a cluster after one line, which later runs bring back with its records, apart or in one process', async () => {
    const first = await startDev(...SMALL, '--data', folder, '--base-port', await basePort())
    const { bootstrap, nodes } = first.ready
    expect(nodes).toEqual([
      {
        id: 101,
        role: 'controller',
        pid: expect.any(Number),
        listen: expect.any(String),
        data: join(folder, 'controller-101'),
      },
      { id: 1, role: 'broker', pid: expect.any(Number), listen: bootstrap, data: join(folder, 'broker-1') },
    ])
    expect(new Set(nodes.map(({ pid }) => pid).concat(first.child.pid!)).size).toBe(3)
    await json('topic create kept --partitions 2', bootstrap)
    expect(await json('cluster describe', bootstrap)).toMatchObject({
      quorum: { leaderId: 101, voters: [{ id: 101, lag: 0 }] },
      brokers: [{ nodeId: 1, isFenced: false, leads: 2, replicas: 2 }],
      topics: 1,
      partitions: 2,
      leaderless: 0,
    })
    expect(await stop(first)).toEqual([0, null])
    expect(first.rest).toEqual([])
    for (const node of ['controller-101', 'broker-1']) {
      const log = readFileSync(join(folder, `logs/${node}.log`), 'utf8')
      expect(log).toContain('has stopped cleanly')
      expect(log).not.toMatch(/WARN|ERROR/)
    }

    // Where a stranger listens by now, another port is found.
    const strangers = nodes.map(({ listen }) =>
      createServer().listen(Number(listen.split(':')[1]), '127.0.0.1'),
    )
    await Promise.all(strangers.map((stranger) => once(stranger, 'listening')))
    const second = await startDev('--data', folder)
    for (const stranger of strangers) stranger.close()
    expect(second.events).toMatchObject([
      { event: 'port-taken', id: 101 },
      { event: 'port-taken', id: 1 },
    ])
    expect(second.ready.bootstrap).not.toBe(bootstrap)
    const kept = { topics: [{ name: 'kept', partitions: 2 }] }
    expect(await json('topic list', second.ready.bootstrap)).toMatchObject(kept)
    expect(await stop(second)).toEqual([0, null])

    const together = await startDev('--data', folder, '--in-process')
    const { pid } = together.child
    expect(together.ready.nodes).toMatchObject(second.ready.nodes.map((node) => ({ ...node, pid })))
    expect(await json('topic list', together.ready.bootstrap)).toMatchObject(kept)
    expect(await stop(together)).toEqual([0, null])
  })

  test('starts a node again that has died, shares its folder with nobody, and takes its nodes with it when killed', async () => {
    const dev = await startDev(...SMALL, '--data', folder, '--base-port', await basePort())
    const { pid } = dev.ready.nodes.find(({ id }) => id === 1)!
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(
      () =>
        expect(dev.events).toMatchObject([{ event: 'node-exited', id: 1, how: 'SIGKILL', restartInMs: 500 }]),
      10_000,
    )
    expect((dev.events[0]!.lastLines as string[]).join('\n')).toContain('broker is ready')
    await vi.waitFor(() => json('topic list', dev.ready.bootstrap), 20_000)
    expect(await json('topic create again', dev.ready.bootstrap)).toMatchObject({ created: true })
    expect(await runCli(['dev', '--data', folder])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${folder} is in use by process ${dev.child.pid}`),
    })
    await stop(dev, 'SIGKILL')
  })

  test('leaves nothing of a temporary folder when it ends', async () => {
    const dev = await startDev(...SMALL, '--base-port', await basePort())
    const place = dirname(dev.ready.nodes[0]!.data)
    expect(existsSync(place)).toBe(true)
    expect(await stop(dev, 'SIGTERM')).toEqual([0, null])
    expect(existsSync(place)).toBe(false)
  })

  test('does not start what cannot work, and says why', async () => {
    const failed = await runCli(['dev', ...SMALL, '--data', folder, '--set', 'shards=many'])
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(/^error: (controller-101|broker-1) does not start:\n {2}error: .*shards/)
  })

  test('of three and three survives the loss of the leading controller, and votes can be moved', async () => {
    // A removed voter that runs would ask for its vote again.
    const stay = ['--set', 'controller.quorum.auto.join.enable=false']
    const dev = await startDev('--data', folder, '--base-port', await basePort(), ...stay)
    const { bootstrap, nodes } = dev.ready
    expect(nodes.map(({ id }) => id)).toEqual([101, 102, 103, 1, 2, 3])
    const before = await json('quorum describe', bootstrap)
    process.kill(nodes.find(({ id }) => id === before.leaderId)!.pid, 'SIGKILL')
    await json('topic create after --partitions 3', bootstrap)
    const after = await json('quorum describe', bootstrap)
    expect(after.leaderEpoch).toBeGreaterThan(before.leaderEpoch as number)

    await json('topic create held --partitions 1 --replication-factor 3', bootstrap)
    await vi.waitFor(async () => {
      const { partitions } = await json('topic describe held', bootstrap)
      expect(partitions).toMatchObject([
        { isUnderReplicated: false, isr: expect.objectContaining({ length: 3 }) },
      ])
      expect((partitions as { lags: { lag: number }[] }[])[0]!.lags.map(({ lag }) => lag)).toEqual([0, 0])
    }, 20_000)
    const decommission = ['broker', 'decommission', '2', '--bootstrap', bootstrap]
    const running = /error: broker 2 is running at .*\nIt has no replicas\. Stop it/
    expect(await callCli(decommission)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: topic held has 3 replicas, and without broker 2 there are only 2/,
      ),
    })
    await json('topic delete held', bootstrap)
    expect(await callCli(decommission)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^moving 1 replica from broker 2 to others\nbroker 2 has no replicas any more\n/,
      ),
    })
    const { partitions } = await json('partition list after', bootstrap)
    expect(JSON.stringify(partitions)).not.toMatch(/"replicas":\[[^\]]*2/)
    expect(await callCli(decommission)).toMatchObject({ code: 1, stderr: expect.stringMatching(running) })
    expect(await json('quorum remove-voter 103', bootstrap)).toMatchObject({ id: 103, voters: [101, 102] })
    expect(await callCli(['quorum', 'remove-voter', '103', '--bootstrap', bootstrap])).toMatchObject({
      code: 1,
      stderr: 'error: controller 103 has no vote\nVotes have 101, 102.\n',
    })
    // It has to hear of it first, and may have been the one that was killed.
    await vi.waitFor(async () => {
      const { observers } = await json('quorum describe', bootstrap)
      expect(observers).toContainEqual(expect.objectContaining({ id: 103 }))
    }, 20_000)
    const { listen } = nodes.find(({ id }) => id === 103)!
    expect(await json(`quorum add-voter 103 --endpoint ${listen}`, bootstrap)).toMatchObject({
      id: 103,
      voters: [101, 102, 103],
    })
    expect(await stop(dev)).toEqual([0, null])
  })
})
