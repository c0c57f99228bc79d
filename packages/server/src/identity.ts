/**
 * Who this server is, as the data folder remembers it: cluster, node, and the folder itself. Chosen at the first start,
 * checked at every later one, so that a folder is never served under another name.
 */
import { type Entropy, nodeId, randomUuid } from '@millrace/base'
import type { LogDirectory, MetaProperties } from '@millrace/storage'
import type { LoadedConfig } from './config/load-config.ts'
import { StartupError } from './startup-error.ts'

/**
 * The folder's identity; written down durably at the first start.
 * @throws StartupError DATA_FOLDER_FOREIGN when it belongs to another node or cluster
 */
export async function claimIdentity(
  directory: LogDirectory,
  { values }: LoadedConfig,
  entropy: Entropy,
): Promise<MetaProperties> {
  const { 'node.id': configuredNode, 'cluster.id': configuredCluster } = values
  const known = directory.metaProperties
  if (known === null) {
    const created: MetaProperties = {
      clusterId: configuredCluster ?? randomUuid(entropy),
      nodeId: nodeId(configuredNode),
      directoryId: randomUuid(entropy),
    }
    await new Promise<void>((resolve, reject) => {
      directory.format(created, (error) => (error === null ? resolve() : reject(error)))
    })
    return created
  }
  if (known.nodeId !== configuredNode) {
    throw foreign(directory, `node ${known.nodeId}`, `node ${configuredNode}`, `--node-id ${known.nodeId}`)
  }
  if (configuredCluster !== null && known.clusterId !== configuredCluster) {
    throw foreign(
      directory,
      `cluster ${known.clusterId}`,
      `cluster ${configuredCluster}`,
      `cluster.id=${known.clusterId}`,
    )
  }
  return known
}

function foreign({ path }: LogDirectory, owner: string, self: string, setting: string): StartupError {
  return new StartupError(
    'DATA_FOLDER_FOREIGN',
    `data folder ${path} belongs to ${owner}, but this is ${self}`,
    `Start with ${setting} to serve it, or choose another folder with --data.`,
  )
}
