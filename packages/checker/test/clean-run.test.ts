/** Runs in which nothing is wrong; a seed is replayed by `CHECKER_SEED=n`, more seeds are run by `CHECKER_SEEDS=n`. */
import { describe, expect, it } from 'vitest'
import { type AnomalyKind, VerdictCode, verdictOf } from '../src/index.ts'
import { cleanRun } from './clean-run/clean-run.ts'
import { deletesRecords } from './clean-run/world.ts'
import { checkLines, wrongKinds } from './history-script.ts'

const only = process.env['CHECKER_SEED']
const count = Number(process.env['CHECKER_SEEDS'] ?? 100)
const first = only === undefined ? 1 : Number(only)
const last = only === undefined ? count : first

describe('a fault-free history', () => {
  it(
    'raises no alarm, whatever retries, unknown outcomes, aborts, crashes and rebalances it has',
    { timeout: 3_600_000 },
    () => {
      const totals = { acknowledged: 0, uncertain: 0, failed: 0, acknowledgedAndRead: 0, expired: 0 }
      const legalKinds = new Set<AnomalyKind>()
      for (let seed = first; seed <= last; seed += 1) {
        const report = checkLines(cleanRun(seed))
        const replay = `CHECKER_SEED=${seed}\n${verdictOf(report).text}`
        expect(wrongKinds(report), replay).toEqual([])
        expect(report.records.lost, replay).toBe(0)
        // Nobody can say whether a record without a known offset was deleted.
        if (!deletesRecords(seed) || report.records.undecided === 0)
          expect(verdictOf(report).code, replay).toBe(VerdictCode.ok)
        for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += report.records[key]
        for (const { kind } of report.anomalies) legalKinds.add(kind)
      }
      if (only !== undefined) return
      // A generator that reaches nothing proves nothing.
      expect(totals.acknowledged).toBeGreaterThan(30 * count)
      expect(totals.acknowledgedAndRead).toBeGreaterThan(25 * count)
      expect(totals.uncertain).toBeGreaterThan(3 * count)
      expect(totals.failed).toBeGreaterThan(3 * count)
      expect(totals.expired).toBeGreaterThan(0)
      const reached: AnomalyKind[] = [
        'G0',
        'G1a',
        'G1c-loose',
        'duplicate',
        'int-send-skip',
        'poll-skip',
        'nonmonotonic-poll',
        'precommitted-read',
      ]
      expect([...legalKinds]).toEqual(expect.arrayContaining(reached))
    },
  )
})
