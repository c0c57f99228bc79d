/**
 * msgpackr, loaded with the first native frame: it is a third of what importing this package would cost, and whoever
 * speaks Kafka's wire only never needs it.
 */
import { createRequire } from 'node:module'
import type { Packr, Unpackr } from 'msgpackr'

interface Msgpack {
  readonly packr: Packr
  readonly unpackr: Unpackr
  /** Asks `pack` for room in front of what it packs. */
  readonly RESERVE_START_SPACE: number
}

let loaded: Msgpack | null = null

export function msgpack(): Msgpack {
  if (loaded !== null) return loaded
  const library = createRequire(import.meta.url)('msgpackr') as typeof import('msgpackr')
  loaded = {
    packr: new library.Packr({ useRecords: false }),
    unpackr: new library.Unpackr({ useRecords: false }),
    RESERVE_START_SPACE: library.RESERVE_START_SPACE,
  }
  return loaded
}
