import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunningServer, startEmbeddedServer } from '@millrace/server'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { callCli, type CliResult, jsonLines, runCli } from './run-cli.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

let server: RunningServer
let folder: string

beforeAll(async () => {
  server = await startEmbeddedServer()
  folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  vi.stubEnv('MILLRACE_BOOTSTRAP', server.bootstrap)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.close()
  rmSync(folder, { recursive: true })
})

/** @param input for `produce`, by way of a file */
async function cli(args: string, input: string | null = null): Promise<CliResult> {
  const path = join(folder, 'input')
  if (input !== null) writeFileSync(path, input)
  return await callCli([...args.split(' '), ...(input === null ? [] : ['--file', path])])
}

async function json(args: string): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await cli(`${args} --output json`)
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('millrace topic', { timeout: 30_000 }, () => {
  test('creates, lists, describes, alters and deletes', async () => {
    expect(await cli('topic create orders --partitions 3 --config retention.ms=1000')).toMatchObject({
      code: 0,
      stdout: 'created topic orders with 3 partitions, 1 replica each\n',
    })
    expect((await cli('topic list')).stdout).toMatch(/^TOPIC +PARTITIONS +ID\norders +3 +\S{22}\n$/)
    await cli('topic alter orders --set retention.ms=2000 --partitions 4')
    expect(await json('topic describe orders')).toMatchObject({
      name: 'orders',
      partitions: [0, 1, 2, 3].map((partition) => ({
        partition,
        leader: 1,
        logStartOffset: 0,
        endOffset: 0,
      })),
      configs: [{ name: 'retention.ms', value: '2000', source: 'dynamic-topic' }],
    })
    expect(await json('topic delete orders')).toEqual({ deleted: ['orders'] })
    expect(await json('topic list')).toEqual({ topics: [] })
  })

  test('that exists or does not is an error with a way out', async () => {
    await cli('topic create once')
    expect(await cli('topic create once')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^error: .*TOPIC_ALREADY_EXISTS.*\nLook at it with .*--if-not-exists\.\n$/,
      ),
    })
    expect(await json('topic create once --if-not-exists')).toEqual({ name: 'once', created: false })
    expect(await cli('topic describe nowhere')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: .*UNKNOWN_TOPIC_OR_PARTITION.*\nList the topics .*\n$/),
    })
  })
})

describe('millrace produce and consume', { timeout: 30_000 }, () => {
  test('carry keys, nulls and headers through, as text', async () => {
    await cli('topic create scores')
    const produced = await cli(
      'produce scores --key-separator : --null NULL --headers from=test',
      'ada:42\nbob:NULL\neve:1:2\n',
    )
    expect(produced.stdout).toMatch(/^produced 3 records, \d+ B, to scores \(1 partition\)/)
    expect((await cli('consume scores --exit-at-end')).stdout).toBe('42\nnull\n1:2\n')
    const { stdout, stderr } = await cli('consume scores --exit-at-end --format key-value --key-separator =')
    expect([stdout, stderr]).toEqual(['ada=42\nbob=null\neve=1:2\n', '3 records\n'])
    expect((await cli('consume scores --exit-at-end --format full')).stdout).toMatch(
      /^scores-0 @ 0 {2}20\d\d-\S+Z {2}key=ada {2}value=42 {2}headers from=test\n/,
    )
  })

  test('are inverse to each other as JSON, bytes that are no text included', async () => {
    await cli('topic create copy-of-source --partitions 2')
    await cli('topic create source --partitions 2')
    const records = [
      {
        key: 'a',
        value: '{"n":1}',
        headers: [{ key: 'h', value: 'x' }],
        partition: 0,
        timestamp: 1_700_000_000_000,
      },
      {
        key: { base64: '/w==' },
        value: null,
        headers: [{ key: 'h', value: null }],
        partition: 1,
        timestamp: 1_700_000_000_001,
      },
    ]
    await cli('produce source --json', records.map((record) => JSON.stringify(record)).join('\n'))
    const dump = await cli('consume source --exit-at-end --output json')
    expect(jsonLines(dump.stdout).toSorted((a, b) => Number(a.partition) - Number(b.partition))).toEqual(
      records.map((record) => ({ topic: 'source', offset: 0, ...record })),
    )
    await cli('produce copy-of-source --json', dump.stdout)
    const copy = await cli('consume copy-of-source --exit-at-end --output json')
    const renamed = copy.stdout.replaceAll('copy-of-source', 'source')
    expect(renamed.split('\n').toSorted()).toEqual(dump.stdout.split('\n').toSorted())
  })

  test('read a file, and stop where they are told to', async () => {
    await cli('topic create counting')
    const path = join(folder, 'lines.txt')
    writeFileSync(path, Array.from({ length: 5000 }, (_, index) => `${index}\n`).join(''))
    expect(await json(`produce counting --file ${path} --compression gzip`)).toMatchObject({
      records: 5000,
      partitions: [0],
    })
    expect((await cli('consume counting --from 4998 --exit-at-end')).stdout).toBe('4998\n4999\n')
    expect((await cli('consume counting --max 2')).stdout).toBe('0\n1\n')
    expect((await cli('consume counting --from -1h --max 1')).stdout).toBe('0\n')
    expect((await cli('consume counting --from 2999-01-01 --exit-at-end')).stdout).toBe('')
  })

  test('say which line of the input is wrong, and how many records were stored before it', async () => {
    await cli('topic create broken')
    expect(await cli('produce broken --json', '{"value":1}\n{"value"\n')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: line 2 is no JSON: .*1 records were stored/),
    })
  })

  test('a reader that closes the pipe ends consume without an error', async () => {
    await cli('topic create long')
    const input = 'x\n'.repeat(200_000)
    expect(await runCli(['produce', 'long'], { input })).toMatchObject({ code: 0, stderr: '' })
    const child = spawn(process.execPath, ['--conditions=source', MAIN, 'consume', 'long'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(stderr).not.toContain('at ')
  })

  test('Ctrl-C ends a waiting consume with 130 and what it had printed', async () => {
    await cli('topic create waiting')
    await cli('produce waiting', 'x\n')
    const child = spawn(process.execPath, ['--conditions=source', MAIN, 'consume', 'waiting'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
    expect(stdout).toBe('x\n')
  })
})

describe('millrace perf', { timeout: 30_000 }, () => {
  const figures = {
    elapsedMs: expect.any(Number),
    recordsPerSecond: expect.any(Number),
    brokerCpu: { user: expect.any(Number), system: expect.any(Number) },
  }

  test('measures producing, consuming and latency', async () => {
    const produced = await json(
      `perf produce bench --create-partitions 2 --records 20000 --size 50 --broker-pid ${process.pid}`,
    )
    expect(produced).toMatchObject({
      name: 'produce',
      records: 20_000,
      bytes: 1_000_000,
      latency: { count: 20 },
      ...figures,
    })
    const consumed = await json(`perf consume bench --broker-pid ${process.pid}`)
    expect(consumed).toMatchObject({
      name: 'consume',
      records: 20_000,
      bytes: 1_000_000,
      latency: null,
      ...figures,
    })
    const latency = await json('perf latency bench --rate 500 --duration 1')
    expect(latency).toMatchObject({ name: 'latency', records: 1000, latency: { count: 500 } })
  })

  test('prints a table for people', async () => {
    const { stdout } = await cli('perf produce bench --create-partitions 2 --records 1000')
    expect(stdout).toMatch(/RECORDS +SECONDS +RECORDS\/S +THROUGHPUT +P50 +P99 +P99\.9 +CLIENT CPU\n +1,000 /)
  })
})
