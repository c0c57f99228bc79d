/**
 * What `millrace dev` prints. On a terminal, a block that is redrawn in place below lines that stay; elsewhere, a line for
 * each change; in JSON mode, one line on standard output once the cluster is ready, and events on standard error.
 */
import type { Output } from '../output.ts'
import { paint } from '../output.ts'
import { type ClusterReport, reportSummary, type RunningNode } from './cluster-view.ts'
import { connectLines } from './connect-text.ts'
import type { DevCluster, DevNode } from './dev-cluster.ts'
import type { DevFolder } from './dev-folder.ts'
import { type MovedNode, nodeName, type NodeRole, type PlannedNode } from './dev-plan.ts'
import { LiveBlock } from './live-block.ts'
import type { NodeExit } from './node-process.ts'
import { statusLines } from './status-block.ts'
import { plural } from '../units.ts'

const FOOT = ['', paint('dim', 'Ctrl-C stops the cluster.')]

export class DevScreen {
  readonly #output: Output
  readonly #folder: DevFolder
  readonly #cluster: DevCluster
  /** Null when standard output is no terminal. */
  readonly #block: LiveBlock | null
  #isReady = false
  #summary = ''

  constructor(output: Output, folder: DevFolder, cluster: DevCluster) {
    this.#output = output
    this.#folder = folder
    this.#cluster = cluster
    this.#block = output.format === 'text' && process.stdout.isTTY ? new LiveBlock(process.stdout) : null
  }

  get isReady(): boolean {
    return this.#isReady
  }

  portMoved({ node: { id, role, port }, from }: MovedNode): void {
    const line = `port ${from} is taken: ${role} ${id} listens on ${port}`
    this.#event({ event: 'port-taken', id, from, port }, [line])
  }

  nodeExit(node: PlannedNode, exit: NodeExit): void {
    this.#event({ event: 'node-exited', id: node.id, ...exit }, exitLines(node, exit))
  }

  ready(clusterId: string, startupMs: number): void {
    this.#isReady = true
    const { bootstrap } = this.#cluster
    const nodes = this.#cluster.nodes()
    this.#output.result({ bootstrap, nodes: nodes.map(resultNode) }, () =>
      [
        `${paint('bold', 'Millrace')}  ${countsText(nodes)}, ready after ${(startupMs / 1000).toFixed(1)} s`,
        `cluster   ${clusterId}`,
        `data      ${this.#folder.path}${this.#folder.isTemporary ? ', deleted when this ends (--data keeps it)' : ''}`,
        '',
        ...connectLines(bootstrap),
        '',
        ...(this.#block === null ? nodes.map(nodeLine) : []),
      ].join('\n'),
    )
  }

  /** The state of things, about once a second. */
  show(report: ClusterReport): void {
    const nodes = this.#cluster.nodes()
    if (this.#block !== null) return this.#block.draw([...statusLines(nodes, report), ...FOOT])
    const summary = reportSummary(nodes, report)
    if (summary !== this.#summary) this.#say(summary)
    this.#summary = summary
  }

  stopping(): void {
    this.#block?.end()
    if (this.#isReady) this.#say('stopping')
  }

  stopped(clean: boolean): void {
    if (!this.#isReady) return
    const { path, isTemporary } = this.#folder
    const end = clean ? 'stopped cleanly' : 'stopped; a node that did not end in time was killed'
    this.#say(isTemporary ? end : `${end}; the data is in ${path}`)
  }

  #event(event: Readonly<Record<string, unknown>>, lines: readonly string[]): void {
    if (this.#output.format === 'json') process.stderr.write(JSON.stringify(event) + '\n')
    else if (this.#block === null) for (const line of lines) this.#say(line)
    else this.#block.print(lines)
  }

  #say(text: string): void {
    if (this.#output.format === 'text') process.stdout.write(text + '\n')
  }
}

function exitLines(node: PlannedNode, { how, lastLines, restartInMs }: NodeExit): string[] {
  const reason = typeof how === 'number' ? `exit code ${how}` : how
  const next = `starting it again in ${restartInMs / 1000} s`
  return [
    `${node.role} ${node.id} has ended (${reason}); ${next}. The end of logs/${nodeName(node)}.log:`,
    ...lastLines.map((line) => `  ${line}`),
  ]
}

function countsText(nodes: readonly RunningNode[]): string {
  const count = (role: NodeRole): string => plural(nodes.filter((node) => node.role === role).length, role)
  return `${count('controller')} and ${count('broker')}`
}

function resultNode({ id, role, pid, listen, data }: DevNode) {
  return { id, role, pid, listen, data }
}

function nodeLine({ role, id, listen, pid }: RunningNode): string {
  return `${role} ${id}  ${listen}  pid ${pid}`
}
