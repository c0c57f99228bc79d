/** Circles of operations (Adya's G0 and G1c): one anomaly per component, shown by its shortest circle. */
import { componentsOf } from '../order/components.ts'
import { type DependencyGraph, EdgeKind } from '../order/dependency-graph.ts'
import { shortestCycle } from '../order/shortest-cycle.ts'
import type { AnomalyList } from './anomaly-list.ts'
import { type AnomalyKind, evidenceOf, shown } from './anomaly.ts'

const CYCLES: readonly { readonly kind: AnomalyKind; readonly edges: number }[] = [
  { kind: 'G0', edges: EdgeKind.ww },
  { kind: 'G1c-strict', edges: EdgeKind.wr },
  { kind: 'G1c-loose', edges: EdgeKind.ww | EdgeKind.wr },
]

/** Circles that are legal anyway need not all be looked for: of each kind so many components are searched. */
const COMPONENTS_SEARCHED_MAX = 20

export function findCycleAnomalies(graph: DependencyGraph, anomalies: AnomalyList): void {
  for (const { kind, edges } of CYCLES) {
    componentsOf(graph, edges).forEach((component, index) => {
      const cycle = index < COMPONENTS_SEARCHED_MAX ? shortestCycle(graph, component, edges) : null
      // Both kinds of edges: the component may be one by ww, or by wr, alone.
      if (cycle === null && edges === (EdgeKind.ww | EdgeKind.wr)) return
      anomalies.add(kind, {}, () => ({
        key: null,
        message: cycle === null ? `${component.length} operations` : messageOf(graph, cycle),
        operations: evidenceOf(
          ...(cycle === null
            ? component.slice(0, 2).map((node) => graph.operations[node]!)
            : cycle.map((edge) => graph.operations[graph.targets[edge]!]!)),
        ),
      }))
    })
  }
}

function messageOf(graph: DependencyGraph, cycle: readonly number[]): string {
  const steps = cycle.map((edge) => {
    const { key, value } = graph.records[edge]!
    const verb = graph.kinds[edge] === EdgeKind.ww ? 'wrote after it' : 'read'
    return `i ${graph.operations[graph.targets[edge]!]!.line} ${verb} ${shown(value)} of ${key.name}`
  })
  return `i ${graph.operations[graph.targets[cycle.at(-1)!]!]!.line}, ${steps.join(', ')}`
}
