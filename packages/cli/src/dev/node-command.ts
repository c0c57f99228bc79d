/** How a node of a development cluster is called: the command line, and the settings that suit a laptop. Pure. */
import { DEV_HOST, type DevState, type PlannedNode, votersText } from './dev-plan.ts'

/** Six processes share a laptop: no threads beside the main one, small pools. Durability is a server's. */
export const DEV_SETTINGS: Readonly<Record<string, string | number>> = {
  shards: 0,
  'codec.threads': 0,
  'num.recovery.threads.per.data.dir': 0,
  'buffer.pool.max.bytes': 4_194_304,
}

export interface NodePlace {
  readonly node: PlannedNode
  readonly state: DevState
  readonly data: string
  /** For every node; these win over ours. */
  readonly settings: ReadonlyMap<string, string>
}

export function nodeArguments({ node, state, data, settings }: NodePlace): string[] {
  const set = new Map([...Object.entries(DEV_SETTINGS), ['logging.format', 'human'], ...settings])
  return [
    node.role,
    '--stop-with-parent',
    ...['--node-id', String(node.id)],
    ...['--listen', `${DEV_HOST}:${node.port}`],
    ...['--data', data],
    ...['--controllers', votersText(state.nodes)],
    ...['--cluster-id', state.clusterId],
    ...[...set].flatMap(([key, value]) => ['--set', `${key}=${value}`]),
  ]
}
