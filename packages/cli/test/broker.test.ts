import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callCli, runCli } from './run-cli.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

let folder: string
let data: string
let children: ChildProcess[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
  data = join(folder, 'data')
  children = []
})
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true })
})

/** Resolves with the line of the log that says that it is ready. */
async function startBroker(
  ...args: string[]
): Promise<{ child: ChildProcess; ready: Record<string, unknown> }> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      MAIN,
      'broker',
      '--data',
      data,
      '--listen',
      '127.0.0.1:0',
      '--shards',
      '0',
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  children.push(child)
  for await (const line of createInterface(child.stdout)) {
    const entry = JSON.parse(line) as Record<string, unknown>
    if (entry.msg === 'broker is ready') return { child, ready: entry }
  }
  throw new Error('the broker ended before it was ready')
}

function broker(...args: string[]) {
  return runCli(['broker', '--listen', '127.0.0.1:0', '--shards', '0', ...args])
}

describe('millrace broker', { timeout: 30_000 }, () => {
  test('serves, stops cleanly on SIGTERM, and keeps identity and records', async () => {
    const first = await startBroker()
    const bootstrap = String(first.ready.address)
    await callCli(['topic', 'create', 'kept', '--bootstrap', bootstrap])
    writeFileSync(join(folder, 'lines'), 'a\nb\n')
    await callCli(['produce', 'kept', '--file', join(folder, 'lines'), '--bootstrap', bootstrap])
    first.child.kill('SIGTERM')
    expect(await once(first.child, 'exit')).toEqual([0, null])
    expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true)
    expect(existsSync(join(data, '.lock'))).toBe(false)

    const second = await startBroker()
    expect(second.ready).toMatchObject({
      nodeId: first.ready.nodeId,
      clusterId: first.ready.clusterId,
      flush: 'commit',
    })
    const again = await callCli([
      'consume',
      'kept',
      '--exit-at-end',
      '--bootstrap',
      String(second.ready.address),
    ])
    expect(again.stdout).toBe('a\nb\n')
  })

  test('refuses a data folder that another broker serves, and takes it over when that one was killed', async () => {
    const { child } = await startBroker()
    expect(await broker('--data', data)).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: data folder ${data} is in use by process ${child.pid}\nStop that broker first (kill ${child.pid}), or choose another folder with --data.\n`,
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(join(data, '.lock'))).toBe(true)
    await startBroker()
  })

  test('refuses a port that is in use, and leaves the folder to the next start', async () => {
    const occupant = createServer().listen(0, '127.0.0.1')
    await once(occupant, 'listening')
    const { port } = occupant.address() as AddressInfo
    expect(await runCli(['broker', '--data', data, '--listen', `127.0.0.1:${port}`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(`^error: address 127.0.0.1:${port} is in use by another process\n.*--listen.*\n$`),
      ),
    })
    occupant.close()
    await startBroker()
  })

  test('refuses the folder of another node or cluster', async () => {
    const { child, ready } = await startBroker('--node-id', '7')
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect((await broker('--data', data)).stderr).toBe(
      `error: data folder ${data} belongs to node 7, but this is node 1\nStart with --node-id 7 to serve it, or choose another folder with --data.\n`,
    )
    const other = await broker('--data', data, '--node-id', '7', '--set', 'cluster.id=AAAAAAAAAAAAAAAAAAAAAw')
    expect(other.stderr).toContain(`belongs to cluster ${String(ready.clusterId)}`)
    expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true)
  })

  test.each([
    [
      'a folder that cannot be',
      ['--data', '/proc/nothing'],
      /^error: data folder \/proc\/nothing cannot be used: .*\n.*--data.*\n$/,
    ],
    [
      'a file as its folder',
      ['--data', fileURLToPath(import.meta.url)],
      /^error: data folder .* cannot be used: it, or a part of its path, is a file\n.*\n$/,
    ],
    [
      'an open listener',
      ['--listen', '0.0.0.0:0'],
      /^error: listener 0\.0\.0\.0:0 can be reached .*\n.*--allow-insecure.*\n$/,
    ],
    [
      'a host that is not there',
      ['--listen', 'nowhere.invalid:9092', '--allow-insecure'],
      /^error: cannot listen on nowhere\.invalid:9092: .*\n.*\n$/,
    ],
  ])('refuses %s in a line or two', async (_what, args, message) => {
    const { code, stdout, stderr } = await broker('--data', data, '--log-level', 'warn', ...args)
    expect(stderr).toMatch(message)
    expect([code, stdout]).toEqual([1, ''])
  })

  test.each([
    [
      'a setting that does not exist',
      ['--set', 'shrads=1'],
      /^error: --set: Unknown configuration shrads. Did you mean shards\?\n.*\n$/,
    ],
    [
      'a configuration file that is not there',
      ['--config', '/nowhere.yaml'],
      /^error: configuration file \/nowhere\.yaml does not exist\n$/,
    ],
  ])('refuses %s in a line or two', async (_what, args, message) => {
    const { code, stdout, stderr } = await callCli(['broker', '--data', data, ...args])
    expect(stderr).toMatch(message)
    expect([code, stdout]).toEqual([1, ''])
  })

  test('names the line of its configuration file', async () => {
    const file = join(folder, 'millrace.yaml')
    writeFileSync(file, 'shards: 0\nlog.retention.ms: soon\n')
    const { code, stderr } = await callCli(['broker', '--config', file])
    expect(code).toBe(1)
    expect(stderr).toContain(`${file}:2: Invalid value soon for configuration log.retention.ms`)
  })

  test('says what is damaged in its folder instead of starting', async () => {
    const { child } = await startBroker()
    child.kill('SIGTERM')
    await once(child, 'exit')
    const file = join(data, 'meta.properties')
    writeFileSync(file, readFileSync(file, 'utf8').replace('node.id=1', 'node.id=?'))
    expect(await broker('--data', data)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: data folder .* is damaged: .*meta\.properties.*\nNothing was changed/,
      ),
    })
  })
})
