/**
 * The shortest circle inside a component that follows exactly the wanted kinds of edges, each at least once: what a
 * person reads to understand why a component is one. Breadth first from its nodes, over pairs of node and kinds seen.
 */
import type { DependencyGraph } from './dependency-graph.ts'

/** Edges that all searches in one component may follow together; a circle found until then is kept. */
const EDGES_MAX = 2_000_000
/** Kinds are two bits. */
const KIND_SETS = 4

/** @returns edges of the circle in order; null when there is none, or none was found within the budget */
export function shortestCycle(
  graph: DependencyGraph,
  component: readonly number[],
  wanted: number,
): number[] | null {
  const search = new CycleSearch(graph, component, wanted)
  for (const start of component) {
    search.from(start)
    if (search.isOver) break
  }
  return search.best
}

class CycleSearch {
  best: number[] | null = null
  readonly #graph: DependencyGraph
  readonly #members: ReadonlySet<number>
  readonly #wanted: number
  #edgesLeft = EDGES_MAX

  constructor(graph: DependencyGraph, component: readonly number[], wanted: number) {
    this.#graph = graph
    this.#members = new Set(component)
    this.#wanted = wanted
  }

  /** No shorter circle than two operations exists. */
  get isOver(): boolean {
    return this.#edgesLeft <= 0 || this.best?.length === 2
  }

  from(start: number): void {
    const { starts, targets, kinds } = this.#graph
    const first = start * KIND_SETS
    /** State → the edge and the state by which it was reached first. */
    const reached = new Map<number, { readonly edge: number; readonly before: number }>()
    let states = [first]
    for (let length = 1; states.length > 0 && length < (this.best?.length ?? Infinity); length += 1) {
      const next: number[] = []
      for (const state of states) {
        const node = Math.floor(state / KIND_SETS)
        for (let edge = starts[node]!; edge < starts[node + 1]!; edge += 1) {
          this.#edgesLeft -= 1
          const target = targets[edge]!
          if ((kinds[edge]! & this.#wanted) === 0 || !this.#members.has(target)) continue
          const seen = (state % KIND_SETS) | kinds[edge]!
          const to = target * KIND_SETS + seen
          if (reached.has(to)) continue
          reached.set(to, { edge, before: state })
          if (target === start && seen === this.#wanted) {
            this.best = pathTo(to, first, reached)
            return
          }
          next.push(to)
        }
        if (this.#edgesLeft <= 0) return
      }
      states = next
    }
  }
}

function pathTo(
  last: number,
  first: number,
  reached: ReadonlyMap<number, { readonly edge: number; readonly before: number }>,
): number[] {
  const path: number[] = []
  for (let state = last; state !== first;) {
    const { edge, before } = reached.get(state)!
    path.push(edge)
    state = before
  }
  return path.reverse()
}
