/**
 * Delta debugging: the smallest part of a list that still shows what the whole list shows.
 * Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), algorithm ddmin.
 */
import { deadlineOf, type ShrinkBudget } from './budget.ts'

/** Whether what was found with all items is found with these too. */
export type Reproduces<T> = (items: readonly T[]) => boolean | Promise<boolean>

/**
 * @param items a list that reproduces; order is kept
 * @returns a part that reproduces, of which no single item can be left out unless the time was over
 */
export async function ddmin<T>(
  items: readonly T[],
  reproduces: Reproduces<T>,
  budget: ShrinkBudget,
): Promise<readonly T[]> {
  const isOver = deadlineOf(budget)
  let kept = items
  if (kept.length > 0 && !isOver() && (await reproduces([]))) return []
  for (let parts = 2; kept.length >= 2 && !isOver();) {
    const smaller = await withoutOnePart(kept, parts, reproduces, isOver)
    if (smaller !== null) {
      kept = smaller
      parts = Math.max(2, parts - 1)
    } else if (parts >= kept.length) {
      break
    } else {
      parts = Math.min(kept.length, parts * 2)
    }
  }
  return kept
}

/** Each part alone while there are two; else everything but one part. */
async function withoutOnePart<T>(
  items: readonly T[],
  parts: number,
  reproduces: Reproduces<T>,
  isOver: () => boolean,
): Promise<readonly T[] | null> {
  for (let part = 0; part < parts && !isOver(); part += 1) {
    const from = Math.floor((items.length * part) / parts)
    const to = Math.floor((items.length * (part + 1)) / parts)
    if (to === from) continue
    const rest = [...items.slice(0, from), ...items.slice(to)]
    if (await reproduces(rest)) return rest
  }
  return null
}
