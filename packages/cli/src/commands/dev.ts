import { randomBytes } from 'node:crypto'
import { randomUuid } from '@millrace/base'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { type DevCluster, type OnNodeExit, ProcessCluster } from '../dev/dev-cluster.ts'
import { DevFolder } from '../dev/dev-folder.ts'
import {
  BASE_PORT_MAX,
  choosePorts,
  DEFAULT_BASE_PORT,
  DEFAULT_NODES,
  type DevState,
  type MovedNode,
  nodeName,
  planCluster,
} from '../dev/dev-plan.ts'
import type { DevScreen } from '../dev/dev-screen.ts'
import { freePort, isPortFree } from '../dev/free-port.ts'
import { integer, keyValue } from '../options.ts'

interface Options {
  readonly controllers?: number
  readonly brokers?: number
  readonly data?: string | true
  readonly basePort?: number
  readonly inProcess?: true
  readonly set?: ReadonlyMap<string, string>
}

const DEFAULT_FOLDER = './millrace-data'
const START_TIMEOUT_MS = 60_000
/** Brokers take the ports from the base on, controllers those a hundred higher. */
const NODES_MAX = 99

export default defineCommand<Options>({
  examples: [
    'millrace dev',
    'millrace dev --controllers 1 --brokers 1 --data',
    'millrace dev --data ./cluster',
  ],
  interruptible: true,

  configure(command) {
    command
      .option('--controllers <count>', `controllers (default: ${DEFAULT_NODES})`, integer(1, NODES_MAX))
      .option('--brokers <count>', `brokers (default: ${DEFAULT_NODES})`, integer(1, NODES_MAX))
      .option(
        '--data [dir]',
        `keep the cluster in this folder (${DEFAULT_FOLDER} when none is named); without it, it is gone afterwards`,
      )
      .option(
        '--base-port <port>',
        `port of broker 1; broker 2 has the next, controller 101 one a hundred higher (default: ${DEFAULT_BASE_PORT})`,
        integer(1024, BASE_PORT_MAX),
      )
      .option('--in-process', 'run all nodes in this process instead of one for each')
      .option('--set <key=value>', 'any key, for every node; several times', keyValue)
      .addHelpText(
        'after',
        [
          '\nA second run with the same folder is the same cluster, with its data and its ports. Its nodes are brokers 1, 2, …',
          'and controllers 101, 102, …, with data in DIR/broker-1 and so on, and logs in DIR/logs. Ctrl-C stops all of them.',
        ].join('\n'),
      )
  },

  async run({ options, output, signal }) {
    using folder = await DevFolder.claim(options.data === true ? DEFAULT_FOLDER : (options.data ?? null))
    const { state, moved } = await prepare(folder, options)
    const startedMs = performance.now()
    let screen: DevScreen | null = null
    const starting = new AbortController()
    const cluster = await start(folder, state, options, (node, exit) => {
      if (screen?.isReady === true) screen.nodeExit(node, exit)
      // A node that does not even start will not do so the second time.
      else starting.abort(failedStart(nodeName(node), exit.lastLines))
    })
    try {
      // Loaded while the nodes start: the clients' code would delay them.
      const [{ DevScreen: Screen }, { whenReady }, { watchCluster }] = await Promise.all([
        import('../dev/dev-screen.ts'),
        import('../dev/readiness.ts'),
        import('../dev/cluster-watch.ts'),
      ])
      screen = new Screen(output, folder, cluster)
      for (const port of moved) screen.portMoved(port)
      await untilReady(whenReady, cluster, AbortSignal.any([signal, starting.signal]))
      screen.ready(state.clusterId, performance.now() - startedMs)
      await watchCluster(cluster.bootstrap, signal, (report) => screen?.show(report))
    } finally {
      screen?.stopping()
      const clean = await cluster.stop()
      // Interrupted is how this command is meant to end.
      if (signal.aborted) process.exitCode = clean ? 0 : 1
      screen?.stopped(clean)
    }
  },
})

/** Which nodes on which ports; written into the folder before anything starts. */
async function prepare(
  folder: DevFolder,
  options: Options,
): Promise<{ state: DevState; moved: readonly MovedNode[] }> {
  const newId = randomUuid({ bytes: (length) => randomBytes(length) })
  const { controllers = null, brokers = null, basePort = null } = options
  const planned = planCluster(folder.readState(), { controllers, brokers, basePort }, newId)
  const { nodes, moved } = await choosePorts(planned.nodes, isPortFree, freePort)
  const state = { clusterId: planned.clusterId, nodes }
  folder.writeState(state)
  return { state, moved }
}

async function start(
  folder: DevFolder,
  state: DevState,
  { inProcess, set = new Map<string, string>() }: Options,
  onNodeExit: OnNodeExit,
): Promise<DevCluster> {
  if (inProcess !== true) return new ProcessCluster(folder, state, set, onNodeExit)
  const { startInProcess } = await import('../dev/in-process-cluster.ts')
  return await startInProcess(folder, state, set)
}

async function untilReady(
  whenReady: (bootstrap: string, signal: AbortSignal) => Promise<void>,
  { bootstrap }: DevCluster,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(START_TIMEOUT_MS)
  try {
    await whenReady(bootstrap, AbortSignal.any([signal, limit]))
  } catch (error) {
    signal.throwIfAborted()
    if (!limit.aborted) throw error
    throw new CliError(
      'DEV_NOT_READY',
      `not all brokers were there after ${START_TIMEOUT_MS / 1000} s`,
      'DIR/logs has what the nodes say. If ports had to change since the last run, free the old ones and start again.',
    )
  }
}

function failedStart(name: string, lastLines: readonly string[]): CliError {
  const lines = lastLines.map((line) => `  ${line}`).join('\n')
  return new CliError('DEV_NODE_FAILED', `${name} does not start:\n${lines}`, null)
}
