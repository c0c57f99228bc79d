/** Makes the numbers in a list smaller, as far as the list still shows what it shows: delays, sizes, counts. */
import { deadlineOf, type ShrinkBudget } from './budget.ts'
import type { Reproduces } from './ddmin.ts'

/**
 * @param fields numeric properties that may fall; others keep their value
 * @returns the list with each of these as small as halving finds it, 0 at best
 */
export async function halveNumbers<T extends object>(
  items: readonly T[],
  fields: ReadonlySet<string>,
  reproduces: Reproduces<T>,
  budget: ShrinkBudget,
): Promise<readonly T[]> {
  const isOver = deadlineOf(budget)
  let kept = items
  for (let at = 0; at < kept.length; at += 1) {
    for (const [field, value] of Object.entries(kept[at]!)) {
      if (!fields.has(field) || typeof value !== 'number') continue
      let smallest: number = value
      while (smallest !== 0 && !isOver()) {
        const candidate = Math.trunc(smallest / 2)
        const changed = kept.with(at, { ...kept[at]!, [field]: candidate })
        if (!(await reproduces(changed))) break
        kept = changed
        smallest = candidate
      }
    }
  }
  return kept
}
