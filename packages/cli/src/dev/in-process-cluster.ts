/** A development cluster inside this process: less memory and faster to start, but nothing can be killed on its own. */
import { CliError } from '../cli-error.ts'
import type { DevCluster, DevNode } from './dev-cluster.ts'
import type { DevFolder } from './dev-folder.ts'
import type { DevState } from './dev-plan.ts'
import { DEV_SETTINGS } from './node-command.ts'

/** @throws CliError when it cannot start */
export async function startInProcess(
  folder: DevFolder,
  state: DevState,
  settings: ReadonlyMap<string, string>,
): Promise<DevCluster> {
  const { startCluster, StartupError } = await import('@millrace/server')
  try {
    const cluster = await startCluster({
      controllers: state.nodes.filter(({ role }) => role === 'controller').length,
      brokers: state.nodes.filter(({ role }) => role === 'broker').length,
      data: folder.path,
      // As durable as with processes; by itself, a cluster for tests leaves flushing to the system.
      settings: { 'flush.policy': 'commit', ...DEV_SETTINGS, ...Object.fromEntries(settings) },
    })
    const nodes = cluster.nodes.map(({ id, role, listen, data }): DevNode => ({
      id,
      role,
      listen,
      data,
      pid: process.pid,
    }))
    return {
      bootstrap: cluster.bootstrap,
      nodes: () => nodes,
      stop: async () => {
        await cluster.close()
        return true
      },
    }
  } catch (error) {
    if (error instanceof StartupError) throw new CliError(error.code, error.message, error.hint)
    throw error
  }
}
