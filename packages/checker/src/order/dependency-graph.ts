/**
 * Which operation must come after which: `ww`, it wrote a later version of a key; `wr`, it read what the other wrote.
 * Nodes are numbers, edges lie in flat arrays by source, so that a million operations cost megabytes.
 *
 * Owns: `node` of the operations. Only ok reads make edges. Left out is what no circle needs: operations that send
 * nothing, and single sends that no other node reads, because the order of a key goes on without them.
 */
import type { History, Operation, TrackedRecord } from '../history/history.ts'
import { mayBeApplied } from './commitment.ts'
import type { VersionOrder } from './version-order.ts'

/** Bits, so that a set of kinds is a number. */
export const EdgeKind = { ww: 1, wr: 2 } as const

export interface DependencyGraph {
  /** The operation of each node. */
  readonly operations: readonly Operation[]
  /** Where the edges of each node begin; one more at the end. */
  readonly starts: Int32Array
  readonly targets: Int32Array
  readonly kinds: Uint8Array
  /** What each edge is about: the record that was written after, or that was read. */
  readonly records: readonly TrackedRecord[]
}

class EdgeList {
  readonly sources: number[] = []
  readonly targets: number[] = []
  readonly kinds: number[] = []
  readonly records: TrackedRecord[] = []

  add(source: number, target: number, kind: number, record: TrackedRecord): void {
    this.sources.push(source)
    this.targets.push(target)
    this.kinds.push(kind)
    this.records.push(record)
  }
}

export function dependencyGraph(history: History, orders: Iterable<VersionOrder>): DependencyGraph {
  const operations = nodesOf(history)
  const edges = new EdgeList()
  for (const { records } of orders) addWrites(records, edges)
  for (const operation of operations) if (operation.type === 'ok') addReads(operation, edges)
  return sortedBySource(operations, edges)
}

function nodesOf(history: History): Operation[] {
  const nodes: Operation[] = []
  const add = (operation: Operation): void => {
    if (operation.node >= 0 || !mayBeApplied(operation)) return
    operation.node = nodes.length
    nodes.push(operation)
  }
  for (const operation of history.operations) {
    const { sends, reads, type } = operation
    if (sends.length === 0 || (sends.length === 1 && reads.length === 0)) continue
    add(operation)
    if (type === 'ok') for (const { writer } of reads) if (writer !== null) add(writer)
  }
  return nodes
}

function addWrites(records: readonly TrackedRecord[], edges: EdgeList): void {
  let before = -1
  for (const record of records) {
    const node = record.writer?.node ?? -1
    if (node < 0) continue
    if (before >= 0 && node !== before) edges.add(before, node, EdgeKind.ww, record)
    before = node
  }
}

function addReads(operation: Operation, edges: EdgeList): void {
  let before = -1
  for (const record of operation.reads) {
    const node = record.writer?.node ?? -1
    // Its own records make no circle of two: that is a precommitted read.
    if (node < 0 || node === operation.node || node === before) continue
    edges.add(node, operation.node, EdgeKind.wr, record)
    before = node
  }
}

function sortedBySource(operations: readonly Operation[], edges: EdgeList): DependencyGraph {
  const { sources } = edges
  const starts = new Int32Array(operations.length + 1)
  for (const source of sources) starts[source + 1]! += 1
  for (let node = 0; node < operations.length; node += 1) starts[node + 1]! += starts[node]!
  const targets = new Int32Array(sources.length)
  const kinds = new Uint8Array(sources.length)
  const records: TrackedRecord[] = [...edges.records]
  const next = starts.slice()
  sources.forEach((source, edge) => {
    const at = next[source]!
    next[source] = at + 1
    targets[at] = edges.targets[edge]!
    kinds[at] = edges.kinds[edge]!
    records[at] = edges.records[edge]!
  })
  return { operations, starts, targets, kinds, records }
}
