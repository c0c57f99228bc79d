/** Random runs of whole clusters of the core; a failing seed is replayed by `RAFT_SEED=n`, more seeds are run by `RAFT_SEEDS=n`. */
import { describe, expect, it } from 'vitest'
import { RandomCluster } from './cluster/random-cluster.ts'

const only = process.env['RAFT_SEED']
const count = Number(process.env['RAFT_SEEDS'] ?? 200)
const first = only === undefined ? 1 : Number(only)
const last = only === undefined ? count : first

describe('a cluster under random faults', () => {
  it(
    'elects one leader per epoch, keeps what is committed, and gets on when the faults end (Raft thesis §3.2–3.6)',
    { timeout: 3_600_000 },
    () => {
      let events = 0
      let leaders = 0
      let committed = 0
      for (let seed = first; seed <= last; seed += 1) {
        const cluster = new RandomCluster(seed)
        try {
          cluster.run()
        } catch (error) {
          const at = `${cluster.schedule.nowMs} ms, event ${cluster.schedule.count}`
          throw new Error(`seed ${seed}, ${at}; replay with RAFT_SEED=${seed}\n${cluster.describe()}`, {
            cause: error,
          })
        }
        events += cluster.schedule.count
        leaders += cluster.checker.leaders
        committed += cluster.checker.committedEndOffset
      }
      // A generator that reaches nothing proves nothing.
      expect(leaders / (last - first + 1)).toBeGreaterThan(1)
      expect(committed / (last - first + 1)).toBeGreaterThan(20)
      expect(events).toBeGreaterThan(1000)
    },
  )
})
