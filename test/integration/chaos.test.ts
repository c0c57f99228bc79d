/**
 * scripts/chaos as a user runs it: a short run against processes in which nothing is lost, and the same history with one
 * acknowledged record taken out, which must be called wrong. The schedule for itself, because a seed must mean the same run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, describe, expect, it } from 'vitest'
import { FAULTS, type FaultKind } from '../../scripts/chaos-run/fault.ts'
import { schedule } from '../../scripts/chaos-run/schedule.ts'
import { View } from '../../scripts/chaos-run/view.ts'
import { root } from '../rig/broker-process.ts'
import { runTool } from '../rig/tool.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-test-'))
const history = join(folder, 'history.ndjson')
/** Not the one that runs outside of this test take commands at. */
const socket = join(folder, 'control.sock')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const NODES = ['controller-101', 'controller-102', 'controller-103', 'broker-1', 'broker-2', 'broker-3']
const MINUTE_MS = 60_000
const ALL = Object.keys(FAULTS) as FaultKind[]

interface Finished {
  readonly code: number | null
  readonly output: string
}

const PROGRAM = [process.execPath, '--conditions=source', join(root, 'scripts/chaos-run/main.ts')]

/** What scripts/chaos runs when everything is compiled. */
async function chaos(...args: string[]): Promise<Finished> {
  const script = ['-c', 'CHAOS_SOCKET=$0 exec "$@"', socket, ...PROGRAM, ...args]
  const { code, stdout, stderr } = await runTool('sh', script)
  return { code, output: stdout.toString() + stderr }
}

async function printed(stream: Readable, text: string): Promise<void> {
  let output = ''
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    output += String(piece)
    if (output.includes(text)) {
      // What comes later must not fill the pipe.
      stream.resume()
      return
    }
  }
  throw new Error(`it ended before it said "${text}":\n${output}`)
}

describe('a schedule', () => {
  const of = (seed: number, faults = ALL) =>
    schedule({ seed, durationMs: 10 * MINUTE_MS, faults, nodes: NODES })

  it('is the same for the same seed, and another one for another seed', () => {
    expect(of(7)).toEqual(of(7))
    expect(of(7)).not.toEqual(of(8))
  })

  it('has one fault at a time, every kind before any kind again, and ends before the run does', () => {
    for (let seed = 0; seed < 200; seed++) {
      const faults = of(seed)
      let freeAtMs = 0
      for (const { atMs, durationMs } of faults) {
        expect(atMs).toBeGreaterThan(freeAtMs)
        freeAtMs = atMs + durationMs
      }
      expect(freeAtMs).toBeLessThan(10 * MINUTE_MS)
      expect(new Set(faults.slice(0, ALL.length).map(({ kind }) => kind)).size).toBe(ALL.length)
    }
  })

  it('aims a full disk at brokers, what is done to all at nobody, and moves clocks only', () => {
    for (const { kind, aim, skewMs } of Array.from({ length: 50 }, (_, seed) => of(seed)).flat()) {
      if (FAULTS[kind].to === 'all') expect(aim).toBeNull()
      if (FAULTS[kind].to === 'broker') expect(aim).toMatch(/^(leader|broker-\d)$/)
      expect(skewMs !== 0).toBe(kind === 'clock')
    }
  })

  it('has no faults when none are asked for', () => {
    expect(of(7, [])).toEqual([])
  })
})

describe('the view', () => {
  it('keeps events and replaces the status below them in a terminal', () => {
    let text = ''
    const view = new View({ isTTY: true, columns: 80, write: (piece: string) => (text += piece) })
    view.status(['first', 'second'])
    view.say('something happened')
    view.status(['third'])
    expect(text).toContain('\u001B[2A\u001B[Jsomething happened\n')
    expect(text.indexOf('third')).toBeGreaterThan(text.indexOf('something happened'))
  })

  it('prints plain lines where there is no terminal', () => {
    let text = ''
    const view = new View({ write: (piece: string) => (text += piece) })
    view.say('something happened')
    view.status(['first', 'second'])
    view.status(['too soon'])
    expect(text).toBe('something happened\nfirst\n')
  })
})

describe('a run of half a minute with a killed, a paused and a cut off node', () => {
  const faults = ['--faults', 'kill,pause,partition']

  it('loses, doubles and reorders nothing that was acknowledged', async () => {
    const { code, output } = await chaos(
      'run',
      ...['--target', 'local', '--minutes', '0.5', '--seed', '45', ...faults, '--history', history],
    )
    console.log(output.slice(output.indexOf('acknowledged ')))
    expect(output).toContain('verdict: nothing is wrong')
    expect(code, output).toBe(0)
    for (const kind of ['kill', 'pause', 'partition'])
      expect(output).toMatch(new RegExp(`  ${kind}, \\d+ time`))
  })

  it('gives a history that is judged the same again', async () => {
    const { code, output } = await chaos('check', history)
    expect(output).toContain('verdict: nothing is wrong')
    expect(code).toBe(0)
  })

  it('is called wrong when an acknowledged record is missing from what was read', async () => {
    const lossy = join(folder, 'lossy.ndjson')
    const { lines, value, key } = withoutOneRead(readFileSync(history, 'utf8').trimEnd().split('\n'))
    writeFileSync(lossy, lines.join('\n'))
    const { code, output } = await chaos('check', lossy)
    expect(output).toContain(`WRONG: lost-write ×1`)
    expect(output).toMatch(new RegExp(`${key}: ${value} was stored at offset \\d+`))
    expect(code).toBe(1)
  })

  it('is called undecided when the last reads are missing', async () => {
    const unread = join(folder, 'unread.ndjson')
    const lines = readFileSync(history, 'utf8').split('\n')
    writeFileSync(unread, lines.filter((line) => !line.includes('"proc":"final-')).join('\n'))
    const { code, output } = await chaos('check', unread)
    expect(output).toContain('verdict: undecided')
    expect(code).toBe(2)
  })
})

describe('a cluster that is up', () => {
  it('is broken and mended by hand, and goes when it is told to', async () => {
    const up = spawn(join(root, 'scripts/chaos'), ['up'], { env: { ...process.env, CHAOS_SOCKET: socket } })
    const exit = once(up, 'exit')
    await printed(up.stdout, 'takes commands')
    const hand = async (...args: string[]): Promise<string> => (await chaos(...args)).output
    expect(await hand('status')).toContain('broker-2 running')
    expect(await hand('kill', 'broker-2')).toContain('broker-2 down')
    expect(await hand('kill', 'broker-2')).toContain('broker-2 is down')
    expect(await hand('start', 'broker-2')).toContain('broker-2 running')
    expect(await hand('pause', 'broker-1')).toContain('broker-1 paused')
    expect(await hand('resume', 'broker-1')).toContain('broker-1 running')
    expect((await chaos('cut', 'broker-1', 'broker-3')).code).toBe(0)
    expect((await chaos('heal')).code).toBe(0)
    expect(await hand('kill', 'broker-9')).toContain("there is no node 'broker-9'")
    expect(await hand('down')).toContain('going down')
    expect((await exit)[0]).toBe(0)
    expect(await hand('status')).toContain('nothing is up')
  })
})

describe('scripts/chaos refuses', () => {
  it.each([
    ['a command is missing', []],
    ["there is no command 'brake'", ['brake']],
    ["--faults: there is no fault 'flood'", ['run', '--faults', 'flood']],
    ["--target: there is no 'cloud'", ['run', '--target', 'cloud']],
    ["--minutes: '-1' is no positive number", ['run', '--minutes=-1']],
    ["--seed: 'x' is no whole number", ['run', '--seed', 'x']],
    ["--replication-factor: '4'", ['run', '--replication-factor', '4']],
    ['wipe loses records', ['run', '--faults', 'wipe', '--replication-factor', '1']],
    ["Unknown option '--fast'", ['run', '--fast']],
    ['--history: ENOENT', ['run', '--history', '/no/such/folder/history']],
    ['there is no file /no/such/file', ['check', '/no/such/file']],
    ['kill takes NODE', ['kill']],
    ["heal takes nothing, not 'broker-1'", ['heal', 'broker-1']],
  ])('%s, with exit code 2', async (message, args) => {
    const { code, output } = await chaos(...args)
    expect(output).toContain(message)
    expect(code).toBe(2)
  })

  it('a history that is none, naming the line', async () => {
    const broken = join(folder, 'broken.ndjson')
    writeFileSync(broken, '{"i":0}\n')
    const { code, output } = await chaos('check', broken)
    expect(output).toContain('line 1: proc')
    expect(code).toBe(2)
  })
})

type Line = { readonly f: string; readonly mops: readonly unknown[] }
type PollMop = readonly ['p', Record<string, [number, number][]>]

/** Takes one record out of everything that was read: one in the middle of the first partition that the last reads came to. */
function withoutOneRead(lines: readonly string[]): { lines: string[]; value: number; key: string } {
  const polls = lines.filter((line) => line.includes('"proc":"final-') && line.includes('"f":"poll"'))
  const [, polled] = (JSON.parse(polls[0]!) as Line).mops[0] as PollMop
  const [key, records] = Object.entries(polled)[0]!
  const value = records[Math.floor(records.length / 2)]![1]
  const spoil = (text: string): string => {
    const line = JSON.parse(text) as Line
    if (line.f !== 'poll') return text
    for (const [, read] of line.mops as PollMop[])
      if (read[key] !== undefined) read[key] = read[key].filter(([, each]) => each !== value)
    return JSON.stringify(line)
  }
  return { lines: lines.map(spoil), value, key }
}
