import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatCheckpoint, parseCheckpoint } from '../src/checkpoint-file.ts'
import { LeaderEpochCache } from '../src/leader-epoch-cache.ts'
import { parseMetaProperties } from '../src/meta-properties.ts'
import { simDisk } from './rig.ts'
import { replaceFile } from '../src/replace-file.ts'

test('entries come back as they were written', () => {
  const field = fc.stringMatching(/^[a-z0-9._-]{1,20}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(field, fc.nat().map(String))), (entries) => {
      expect(parseCheckpoint(formatCheckpoint(entries), 2)).toEqual(entries)
    }),
  )
})

test('a checkpoint cut anywhere, or with any other bytes, is refused or read without an exception', () => {
  const bytes = formatCheckpoint([
    ['flights', 0, 123],
    ['b', 1, 5],
  ])
  for (let end = 0; end < bytes.length; end++) expect(parseCheckpoint(bytes.subarray(0, end), 3)).toBeNull()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
      const found = parseCheckpoint(Buffer.from(random), 3)
      expect(found === null || Array.isArray(found)).toBe(true)
      expect(() => LeaderEpochCache.parse(Buffer.from(random))).not.toThrow()
      expect(() => parseMetaProperties(Buffer.from(random))).not.toThrow()
    }),
  )
})

test('epochs that do not rise are no epoch checkpoint', () => {
  const parse = (text: string) => LeaderEpochCache.parse(Buffer.from(text))
  expect(parse('0\n2\n1 0\n3 7\n')).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 7 },
  ])
  expect(parse('0\n2\n3 0\n1 7\n')).toBeNull()
  expect(parse('0\n2\n1 7\n3 7\n')).toBeNull()
  expect(parse('0\n1\n-1 7\n')).toBeNull()
})

test('a replaced file has its old content or its new one after a power cut at every step', () => {
  for (const mode of ['none', 'all', 'prefix', 'subset', 'torn', 'zeros'] as const) {
    for (let completions = 0; completions < 4; completions++) {
      const disk = simDisk({ seed: completions })
      replaceFile(disk, '/data', 'x', Buffer.alloc(3000, 'old'), () => undefined)
      disk.settle()
      let durable = false
      replaceFile(disk, '/data', 'x', Buffer.alloc(5000, 'new'), () => (durable = true))
      for (let left = completions; left > 0; left--) disk.completeNext()
      disk.crash({ mode })
      const text = disk.contentOf('/data/x').toString()
      expect([Buffer.alloc(3000, 'old').toString(), Buffer.alloc(5000, 'new').toString()]).toContain(text)
      if (durable) expect(text.startsWith('new')).toBe(true)
    }
  }
})
