/** A sequence chart for people: one column for each node, time downwards; faults across all of them. */
import type { LogLine } from '../kernel/sim-log.ts'
import type { TraceLine } from '../kernel/trace.ts'

const COLUMN = 22
const SHOWN = new Set(['metadata quorum', 'this node is the active controller', 'fencing a broker'])

interface Line {
  readonly atMs: number
  /** Null: across the chart. */
  readonly node: string | null
  readonly text: string
}

export function chart(
  nodes: readonly string[],
  trace: readonly TraceLine[],
  log: readonly LogLine[],
): string {
  const faults = trace.filter(({ kind }) => kind === 'fault')
  const lines: Line[] = [
    ...faults.map(({ atMs, detail }) => ({ atMs, node: null, text: detail })),
    ...log.flatMap((line) => (nodes.includes(line.node) ? [ofLog(line)].flat() : [])),
  ].sort((a, b) => a.atMs - b.atMs)
  const head = `${'ms'.padStart(12)}  ${nodes.map((name) => name.padEnd(COLUMN)).join('')}`
  return [head, ...lines.map((line) => row(nodes, line))].join('\n')
}

function row(nodes: readonly string[], { atMs, node, text }: Line): string {
  const time = atMs.toFixed(3).padStart(12)
  if (node === null) return `${time}  ── ${text}`
  const indent = ' '.repeat(nodes.indexOf(node) * COLUMN)
  return `${time}  ${indent}${text}`
}

function ofLog({ atMs, node, level, message, fields }: LogLine): Line[] {
  if (message === 'metadata quorum') {
    const { role, leaderId, epoch, isActive } = fields as Readonly<Record<string, unknown>>
    return [
      {
        atMs,
        node,
        text: `${String(role)} e${String(epoch)} →${String(leaderId)}${isActive === true ? ' ✓' : ''}`,
      },
    ]
  }
  return SHOWN.has(message) || level === 'error' ? [{ atMs, node, text: message }] : []
}
