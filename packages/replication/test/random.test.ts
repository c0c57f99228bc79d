/**
 * Random runs of whole clusters of replicas; a failing seed is replayed by `REPLICATION_SEED=n` (`TRACE=n` for its last
 * effects), more seeds are run by `REPLICATION_SEEDS=n`.
 */
import { describe, expect, it } from 'vitest'
import { RandomCluster } from './cluster/random-cluster.ts'

const only = process.env['REPLICATION_SEED']
const count = Number(process.env['REPLICATION_SEEDS'] ?? 250)
const first = only === undefined ? 1 : Number(only)
const last = only === undefined ? count : first

describe('a cluster under random faults', () => {
  it(
    'loses nothing acknowledged, changes nothing committed, and comes to agree when the faults end (KIP-101, 279, 497, 841, 903, 966)',
    { timeout: 3_600_000 },
    () => {
      let acknowledged = 0
      let leaders = 0
      let truncations = 0
      for (let seed = first; seed <= last; seed += 1) {
        const cluster = new RandomCluster(seed)
        try {
          cluster.run()
        } catch (error) {
          const at = `${cluster.schedule.nowMs} ms, event ${cluster.schedule.count}`
          throw new Error(
            `seed ${seed}, ${at}; replay with REPLICATION_SEED=${seed}\n${cluster.describe()}`,
            {
              cause: error,
            },
          )
        }
        acknowledged += cluster.checker.acknowledged
        leaders += cluster.checker.leaders
        truncations += cluster.checker.truncations
      }
      // A generator that reaches nothing proves nothing.
      const seeds = last - first + 1
      if (process.env['REPLICATION_SEEDS'] !== undefined)
        console.log({ seeds, acknowledged, leaders, truncations })
      expect(leaders / seeds).toBeGreaterThan(3)
      expect(acknowledged / seeds).toBeGreaterThan(50)
      if (seeds > 20) expect(truncations / seeds).toBeGreaterThan(0.5)
    },
  )
})
