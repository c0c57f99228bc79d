/** A running development cluster, whatever its nodes run in. */
import type { DevFolder } from './dev-folder.ts'
import { bootstrapText, DEV_HOST, type DevState, type PlannedNode } from './dev-plan.ts'
import type { RunningNode } from './cluster-view.ts'
import { nodeArguments } from './node-command.ts'
import { type NodeExit, NodeProcess } from './node-process.ts'

export interface DevNode extends RunningNode {
  /** Its data folder. */
  readonly data: string
}

export interface DevCluster {
  /** Of all brokers, `host:port,…`. */
  readonly bootstrap: string
  /** As they are now, controllers first. */
  nodes(): DevNode[]
  /** Brokers first, because they take leave of the controllers. @returns whether all ended as they should */
  stop(): Promise<boolean>
}

/** Called when the process of a node has ended by itself. */
export type OnNodeExit = (node: PlannedNode, exit: NodeExit) => void

/** This same command line, run in the same way. */
const SELF = [...process.execArgv, process.argv[1]!]
const STOP_GRACE_MS = 10_000

interface Member {
  readonly node: PlannedNode
  readonly data: string
  readonly process: NodeProcess
}

export class ProcessCluster implements DevCluster {
  readonly bootstrap: string
  readonly #members: readonly Member[]

  /** Starts all nodes at once; controllers first, because brokers have to wait for them. */
  constructor(
    folder: DevFolder,
    state: DevState,
    settings: ReadonlyMap<string, string>,
    onNodeExit: OnNodeExit,
  ) {
    this.bootstrap = bootstrapText(state.nodes)
    this.#members = state.nodes.map((node) => {
      const data = folder.dataOf(node)
      const args = [...SELF, ...nodeArguments({ node, state, data, settings })]
      const command = { args, logFile: folder.logOf(node) }
      const process = new NodeProcess(command, { onExit: (exit) => onNodeExit(node, exit) })
      return { node, data, process }
    })
    for (const { process } of this.#members) process.start()
  }

  nodes(): DevNode[] {
    return this.#members.map(({ node: { id, role, port }, data, process }) => ({
      id,
      role,
      listen: `${DEV_HOST}:${port}`,
      pid: process.pid,
      data,
    }))
  }

  async stop(): Promise<boolean> {
    const clean: boolean[] = []
    for (const role of ['broker', 'controller'] as const) {
      const members = this.#members.filter(({ node }) => node.role === role)
      clean.push(...(await Promise.all(members.map(({ process }) => process.stop(STOP_GRACE_MS)))))
    }
    return clean.every(Boolean)
  }
}
