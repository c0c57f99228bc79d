/**
 * Strongly connected components of more than one node: the places where a graph has circles. Tarjan's algorithm
 * (SIAM J. Comput. 1972) with its own stack, because histories are deeper than a call stack.
 */
import type { DependencyGraph } from './dependency-graph.ts'

const UNSEEN = -1

/** @param kinds the set of edge kinds to follow */
export function componentsOf(graph: DependencyGraph, kinds: number): number[][] {
  const search = new ComponentSearch(graph, kinds)
  for (let node = 0; node < graph.operations.length; node += 1) search.from(node)
  return search.components
}

class ComponentSearch {
  readonly components: number[][] = []
  readonly #graph: DependencyGraph
  readonly #kinds: number
  /** Order in which nodes were reached, and the lowest such number on the stack that each reaches. */
  readonly #indexes: Int32Array
  readonly #lows: Int32Array
  readonly #onStack: Uint8Array
  readonly #nextEdges: Int32Array
  readonly #stack: number[] = []
  readonly #path: number[] = []
  #count = 0

  constructor(graph: DependencyGraph, kinds: number) {
    const size = graph.operations.length
    this.#graph = graph
    this.#kinds = kinds
    this.#indexes = new Int32Array(size).fill(UNSEEN)
    this.#lows = new Int32Array(size)
    this.#onStack = new Uint8Array(size)
    this.#nextEdges = graph.starts.slice(0, size)
  }

  from(start: number): void {
    if (this.#indexes[start] !== UNSEEN) return
    this.#enter(start)
    while (this.#path.length > 0) {
      const node = this.#path.at(-1)!
      const edge = this.#nextEdges[node]!
      if (edge === this.#graph.starts[node + 1]) this.#leave(node)
      else {
        this.#nextEdges[node] = edge + 1
        if ((this.#graph.kinds[edge]! & this.#kinds) !== 0) this.#follow(node, this.#graph.targets[edge]!)
      }
    }
  }

  #enter(node: number): void {
    this.#indexes[node] = this.#count
    this.#lows[node] = this.#count
    this.#count += 1
    this.#onStack[node] = 1
    this.#stack.push(node)
    this.#path.push(node)
  }

  #follow(node: number, target: number): void {
    if (this.#indexes[target] === UNSEEN) this.#enter(target)
    else if (this.#onStack[target] === 1) this.#lower(node, this.#indexes[target]!)
  }

  #leave(node: number): void {
    this.#path.pop()
    const parent = this.#path.at(-1)
    if (parent !== undefined) this.#lower(parent, this.#lows[node]!)
    if (this.#lows[node] !== this.#indexes[node]) return
    const component = this.#stack.splice(this.#stack.lastIndexOf(node))
    for (const member of component) this.#onStack[member] = 0
    if (component.length > 1) this.components.push(component)
  }

  #lower(node: number, low: number): void {
    if (low < this.#lows[node]!) this.#lows[node] = low
  }
}
