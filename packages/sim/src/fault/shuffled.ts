/** All orders are equally likely. */
import type { Rng } from '@millrace/base'

export function shuffled<T>(items: readonly T[], rng: Rng): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = rng.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
