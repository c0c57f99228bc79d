/** Clean runs, spoiled in one place: the checker finds that, whatever else goes on around it. */
import { describe, expect, it } from 'vitest'
import type { AnomalyKind, HistoryLine, Mop, PollMop, Value } from '../src/index.ts'
import { cleanRun } from './clean-run/clean-run.ts'
import { deletesRecords } from './clean-run/world.ts'
import { checkLines, wrongKinds } from './history-script.ts'

type Spoil = (lines: HistoryLine[]) => HistoryLine[] | null
type Records = PollMop[1][string]

/** Runs of idempotent producers. */
const SEEDS = Array.from({ length: 60 }, (_, at) => 3 * at + 1).filter((seed) => !deletesRecords(seed))

/** Each plants its anomaly in a run, or finds no place for it. */
const SPOILS: Partial<Record<AnomalyKind, Spoil>> = {
  'lost-write': (lines) => {
    const victim = acknowledged(lines, (offset, end) => offset < end / 2)
    if (victim === null) return null
    return mapRecords(
      lines,
      () => true,
      (records) => records.filter(([, value]) => value !== victim),
    )
  },
  unseen: (lines) => {
    // The newest records are gone, as after the loss of a log's tail.
    const victim = acknowledged(lines, (offset, end) => offset > 5 && offset > (end * 4) / 5)
    const at = victim === null ? null : placeOf(lines, victim)
    if (at === null) return null
    return mapRecords(
      lines,
      () => true,
      (records, key) => (key === at.key ? records.filter(([offset]) => offset < at.offset) : records),
    )
  },
  duplicate: (lines) =>
    mapFinalRead(lines, (records) => (records.length < 4 ? null : [...records, [9999, records[1]![1]]])),
  'inconsistent-offset': (lines) =>
    mapFinalRead(lines, (records) =>
      records.length < 4 ? null : [records[0]!, [records[1]![0], records[2]![1]], ...records.slice(2)],
    ),
  phantom: (lines) =>
    mapFinalRead(lines, (records) => (records.length < 2 ? null : [...records, [9999, 'nobody sent it']])),
  G1a: (lines) => {
    const failed = lines.find(({ f, type }) => f === 'send' && type === 'fail')?.mops[0]
    if (failed?.[0] !== 's') return null
    return mapFinalRead(lines, (records, key) => (key === failed[1] ? [...records, [9999, failed[3]]] : null))
  },
  'int-poll-skip': (lines) => {
    const spoiled = mapFinalRead(lines, (records) => (records.length < 9 ? null : records.toSpliced(4, 1)))
    // Somebody else has to have read it: a copy of the final read does.
    const copy = lines.filter(({ proc, f }) => String(proc).startsWith('final-') && f === 'poll')
    return (
      spoiled && renumbered([...spoiled, ...copy.map((line) => ({ ...line, proc: `${line.proc}-copy` }))])
    )
  },
  'int-nonmonotonic-poll': (lines) =>
    mapFinalRead(lines, (records) => (records.length < 4 ? null : records.toReversed())),
  'nonmonotonic-poll': (lines) => {
    const poll = lines.findLast(({ proc, f }) => String(proc).startsWith('final-') && f === 'poll')
    const isEmpty = poll?.mops.every((mop) => mop[0] !== 'p' || Object.values(mop[1]).flat().length === 0)
    return poll === undefined || isEmpty === true ? null : renumbered([...lines, poll])
  },
  'log-start-fell': (lines) => {
    const watch: HistoryLine = { ...lines[0]!, proc: 'v', f: 'watch', type: 'ok', mops: [] }
    const seen = (logStart: number): Mop => ['w', 'other-0', { logStart }]
    return renumbered([...lines, { ...watch, mops: [seen(3)] }, { ...watch, mops: [seen(2)] }])
  },
  'commit-fell': (lines) => {
    const commit = lines.findLast(({ f, mops }) => f === 'commit' && mops[0]?.[0] === 'c' && mops[0][3] > 0)
    const mop = commit?.mops[0]
    if (commit === undefined || mop?.[0] !== 'c') return null
    return renumbered([...lines, { ...commit, f: 'committed', mops: [['g', mop[1], mop[2], 0]] }])
  },
  'two-owners': (lines) => {
    const own = lines.findLast(({ f, mops }) => f === 'own' && mops[0]?.[0] === '+')
    return own === undefined ? null : renumbered([...lines, { ...own, proc: 'intruder' }])
  },
}

describe('an anomaly planted in a clean run is found', () => {
  it.each(Object.entries(SPOILS) as [AnomalyKind, Spoil][])('%s', (kind, spoil) => {
    let planted = 0
    for (const seed of SEEDS) {
      const lines = spoil(cleanRun(seed))
      if (lines === null) continue
      planted += 1
      expect(wrongKinds(checkLines(lines)), `seed ${seed}`).toContain(kind)
    }
    expect(planted).toBeGreaterThan(SEEDS.length / 3)
  })
})

/** The value of a plain send that was acknowledged at a wanted offset. */
function acknowledged(
  lines: HistoryLine[],
  isWanted: (offset: number, end: number) => boolean,
): Value | null {
  const ends = new Map<string, number>()
  for (const { f, type, mops } of lines)
    if (f === 'final' && type === 'ok' && mops[0]?.[0] === 'e') ends.set(mops[0][1], mops[0][2])
  for (const { f, type, mops } of lines) {
    const mop = mops[0]
    if (f !== 'send' || type !== 'ok' || mop?.[0] !== 's' || mop[2] === null) continue
    if (isWanted(mop[2], ends.get(mop[1]) ?? 0)) return mop[3]
  }
  return null
}

function placeOf(
  lines: HistoryLine[],
  value: Value,
): { readonly key: string; readonly offset: number } | null {
  for (const { type, mops } of lines)
    for (const mop of mops)
      if (type === 'ok' && mop[0] === 's' && mop[3] === value && mop[2] !== null)
        return { key: mop[1], offset: mop[2] }
  return null
}

function mapRecords(
  lines: HistoryLine[],
  isWanted: (line: HistoryLine) => boolean,
  change: (records: Records, key: string) => Records,
): HistoryLine[] {
  return lines.map((line) => {
    if (!isWanted(line)) return line
    const mops = line.mops.map((mop): Mop => {
      if (mop[0] !== 'p') return mop
      return [
        'p',
        Object.fromEntries(Object.entries(mop[1]).map(([key, records]) => [key, change(records, key)])),
      ]
    })
    return { ...line, mops }
  })
}

/** Changes the first poll of a final read that can be changed; null when none can. */
function mapFinalRead(
  lines: HistoryLine[],
  change: (records: Records, key: string) => Records | null,
): HistoryLine[] | null {
  let isChanged = false
  const isFinal = ({ proc, f }: HistoryLine) => f === 'poll' && String(proc).startsWith('final-')
  const changed = mapRecords(lines, isFinal, (records, key) => {
    const result = isChanged ? null : change(records, key)
    isChanged ||= result !== null
    return result ?? records
  })
  return isChanged ? changed : null
}

function renumbered(lines: HistoryLine[]): HistoryLine[] {
  return lines.map((line, i) => ({ ...line, i }))
}
