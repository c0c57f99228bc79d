import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaderEpoch, offset, timestampMs } from '@millrace/base'
import { CompressionType, RecordBatchBuilder } from '@millrace/record'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { scanSegment } from '../src/log-files/segment-scan.ts'
import { jsonLines, runCli } from './run-cli.ts'

const TIME = Date.UTC(2026, 10, 23, 8)

function batch(
  baseOffset: number,
  values: readonly (string | null)[],
  compression: CompressionType = 0,
): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 1 << 20 })
  values.forEach((value, index) => {
    const headers = index === 0 ? [{ key: 'from', value: 'test' }] : []
    builder.tryAppend(timestampMs(TIME + index), `k${index}`, value, headers)
  })
  return builder.build({ baseOffset: offset(baseOffset), partitionLeaderEpoch: leaderEpoch(3), compression })
}

let root: string
let segment: string
const good = [batch(0, ['a', 'b']), batch(2, ['c', null, 'e'], CompressionType.gzip), batch(5, ['f'])]

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-segments-'))
  segment = join(root, 'flights-0', '00000000000000000000.log')
  mkdirSync(join(root, 'flights-0'))
})
beforeEach(() => writeFileSync(segment, Buffer.concat(good)))
afterAll(() => rmSync(root, { recursive: true }))

function damages(): string[] {
  return [...scanSegment(segment)].flatMap((step) => {
    if (step.kind === 'damage') return [`${step.position}: ${step.reason}`]
    return step.crcValid ? [] : [`${step.position}: crc`]
  })
}

describe('the scan of a segment', () => {
  test('finds every batch of a sound file', () => {
    const batches = [...scanSegment(segment)].map((step) => (step.kind === 'batch' ? step.position : -1))
    expect(batches).toEqual([0, good[0]!.length, good[0]!.length + good[1]!.length])
    expect(damages()).toEqual([])
  })

  test('says where a file is cut short', () => {
    writeFileSync(segment, Buffer.concat(good).subarray(0, -3))
    expect(damages()).toEqual([
      `${good[0]!.length + good[1]!.length}: the batch claims ${good[2]!.length} bytes, the file has ${good[2]!.length - 3} left`,
    ])
    writeFileSync(segment, Buffer.concat([good[0]!, Buffer.alloc(20)]))
    expect(damages()).toEqual([`${good[0]!.length}: 20 bytes at the end are too few for a batch`])
  })

  test('goes on behind a batch with a wrong checksum', () => {
    const bytes = Buffer.concat(good)
    bytes[good[0]!.length - 1]! ^= 1
    writeFileSync(segment, bytes)
    expect(damages()).toEqual(['0: crc'])
    expect([...scanSegment(segment)]).toHaveLength(3)
  })

  test('stops at zeros and at a length that no batch has', () => {
    writeFileSync(segment, Buffer.concat([good[0]!, Buffer.alloc(100)]))
    expect(damages()).toEqual([`${good[0]!.length}: the batch claims 0 bytes, which no batch has`])
  })

  test('notices offsets that do not rise', () => {
    writeFileSync(segment, Buffer.concat([good[1]!, good[0]!]))
    expect(damages()).toEqual([`${good[1]!.length}: the batch starts at offset 0, the one before ended at 4`])
  })
})

describe('millrace log dump', () => {
  test('prints one line for each batch', async () => {
    const { code, stdout, stderr } = await runCli(['log', 'dump', segment])
    expect(code).toBe(0)
    const rows = stdout.trimEnd().split('\n')
    expect(rows).toHaveLength(4)
    expect(rows[2]).toMatch(/ 2-4 +3 .* gzip +3 +2026-11-23T08:00:00\.002Z +ok$/)
    expect(stderr).toBe('3 batches, 6 records, no damage\n')
  })

  test('prints records with all that they have as JSON', async () => {
    const { stdout } = await runCli(['log', 'dump', '--records', segment, '--output', 'json'])
    const printed = jsonLines(stdout)
    expect(printed.filter(({ type }) => type === 'batch')).toHaveLength(3)
    expect(printed.filter(({ type }) => type === 'record').map(({ value }) => value)).toEqual([
      'a',
      'b',
      'c',
      null,
      'e',
      'f',
    ])
    expect(printed[1]).toEqual({
      type: 'record',
      offset: 0,
      timestamp: TIME,
      key: 'k0',
      value: 'a',
      headers: [{ key: 'from', value: 'test' }],
    })
    expect(printed.at(-1)).toEqual({ type: 'summary', batches: 3, records: 6, damage: 0 })
  })

  test('ends with 1 when the file is damaged, and with words when it is not there', async () => {
    const bytes = Buffer.concat(good)
    bytes[70]! ^= 0xff
    writeFileSync(segment, bytes)
    const dump = await runCli(['log', 'dump', segment])
    expect(dump.code).toBe(1)
    expect(dump.stdout).toContain('WRONG')
    expect(dump.stderr).toContain('is damaged in 1 place')
    expect(await runCli(['log', 'dump', `${segment}x`])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: .* does not exist\nSegments lie in .*\n$/),
    })
  })
})

describe('millrace log verify', () => {
  test('says ok for sound partitions', async () => {
    const { code, stdout } = await runCli(['log', 'verify', root])
    expect(code).toBe(0)
    expect(stdout).toMatch(/flights-0 +1 +6 +\d+ B +ok/)
  })

  test('names the damaged file and position, and ends with 1', async () => {
    writeFileSync(segment, Buffer.concat(good).subarray(0, -1))
    const { code, stdout } = await runCli(['log', 'verify', root, '--output', 'json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      segments: [
        {
          file: 'flights-0/00000000000000000000.log',
          damage: [{ position: good[0]!.length + good[1]!.length }],
        },
      ],
    })
  })

  test('refuses a folder without segments', async () => {
    const { code, stderr } = await runCli(['log', 'verify', tmpdir() + '/millrace-nothing-here'])
    expect(code).toBe(1)
    expect(stderr).toContain('does not exist')
  })
})
