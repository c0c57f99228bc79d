import type { Clock } from '@millrace/base'

/** Real time that a search may take. */
export interface ShrinkBudget {
  readonly clock: Pick<Clock, 'monoMs'>
  readonly limitMs: number
}

/** @returns what says whether the time is over */
export function deadlineOf({ clock, limitMs }: ShrinkBudget): () => boolean {
  const endMs = clock.monoMs() + limitMs
  return () => clock.monoMs() >= endMs
}
