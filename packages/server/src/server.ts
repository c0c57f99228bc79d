/** Nodes in the real world: the real environment, and a data folder that no other process has. */
import type { Log } from '@millrace/base'
import { nodeEnv } from '@millrace/base/node'
import { dataDirectory } from './config/broker-config.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { nodeConfig } from './config/node-config.ts'
import { claimDataFolder } from './data-folder.ts'
import { type RunningNode, type StartOptions, startNode } from './node.ts'

/** A node that has the role of a broker. */
export interface RunningServer extends RunningNode {
  readonly bootstrap: string
}

/** @throws StartupError when configuration, data folder, address or cluster do not permit it; the signal's reason */
export async function startConfigured(
  loaded: LoadedConfig,
  log: Log,
  options: StartOptions = {},
): Promise<RunningNode> {
  // What is wrong with the configuration is said before the folder is touched.
  nodeConfig(loaded)
  const lock = claimDataFolder(dataDirectory(loaded))
  try {
    const node = await startNode(nodeEnv({ log }), loaded, options)
    const close = (): Promise<void> => node.close().finally(() => lock.release())
    return { ...node, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    lock.release()
    throw error
  }
}

export function isServer(node: RunningNode): node is RunningServer {
  return node.bootstrap !== null
}
