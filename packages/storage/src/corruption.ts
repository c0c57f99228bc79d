import type { Offset } from '@millrace/base'

/** Damage below the recovery point: data that was durable and can't be read any more. */
export interface Corruption {
  readonly path: string
  /** Of the first bad byte as far as known: where a good batch should start. */
  readonly position: number
  /** First offset that can't be read; all below it, down to the log's start, can. */
  readonly offset: Offset
  readonly reason: string
}

/** Refusal to append to a damaged log: it must not lead until `truncateTo` has cut the damage and a replica refilled it. */
export class CorruptLogError extends Error {
  override readonly name = 'CorruptLogError'
  readonly corruption: Corruption
  constructor(corruption: Corruption) {
    super(
      `${corruption.path} is damaged at byte ${corruption.position}, offset ${corruption.offset}: ${corruption.reason}`,
    )
    this.corruption = corruption
  }
}
