/**
 * msgpackr, loaded with the first native frame: it is a third of what importing this package would cost, and whoever
 * speaks Kafka's wire only never needs it. The build of it without `new Function`, because that is the one without a native
 * part, whose loading costs twice as much as the rest, and which gains nothing with messages such as ours.
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
  const library = createRequire(import.meta.url)('msgpackr/index-no-eval') as typeof import('msgpackr')
  loaded = {
    packr: new library.Packr({ useRecords: false }),
    unpackr: new library.Unpackr({ useRecords: false }),
    RESERVE_START_SPACE: library.RESERVE_START_SPACE,
  }
  return loaded
}
