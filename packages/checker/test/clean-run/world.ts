/** What the actors of a run share: the logs, the history that they write, and the dice. */
import { type Rng, seededRng } from '@millrace/base'
import type { Mode, Value } from '../../src/index.ts'
import { HistoryScript } from '../history-script.ts'
import { ModelLog } from './model-log.ts'

export interface World {
  readonly rng: Rng
  readonly script: HistoryScript
  readonly mode: Mode
  readonly committedOnly: boolean
  /** Whether records are deleted while others are read. */
  readonly deletes: boolean
  readonly logs: ReadonlyMap<string, ModelLog>
  /** Unique over the run. */
  nextValue(): Value
  /** Any of them. */
  key(): string
  chance(percent: number): boolean
}

export interface Actor {
  act(): void
  /** Brings what is under way to its end. */
  finish(): void
}

export function newWorld(seed: number): World {
  const rng = seededRng(seed)
  const names = Array.from({ length: 1 + rng.below(4) }, (_, at) => `topic-${at}`)
  const isolation = seed % 5 === 4 ? 'read_uncommitted' : 'read_committed'
  let last = 0
  return {
    rng,
    script: new HistoryScript(),
    mode: { assignment: 'assign', isolation, idempotent: seed % 3 !== 2 },
    deletes: deletesRecords(seed),
    committedOnly: isolation === 'read_committed',
    logs: new Map(names.map((name) => [name, new ModelLog()])),
    nextValue: () => {
      last += 1
      return seed % 2 === 0 ? last : `v${last}`
    },
    key: () => names[rng.below(names.length)]!,
    chance: (percent) => rng.below(100) < percent,
  }
}

export function deletesRecords(seed: number): boolean {
  return seed % 4 === 0
}
