/**
 * Who this node is, as the data folder remembers it: cluster, node, and the folder itself. Chosen at the first start,
 * checked at every later one, so that a folder is never served under another name.
 */
import { type Entropy, randomUuid } from '@millrace/base'
import type { MetaProperties } from '@millrace/storage'
import type { NodeConfig } from './config/node-config.ts'
import { clusterIdOf } from './config/voters.ts'
import { StartupError } from './startup-error.ts'

/** For a folder that nobody has used. Named voters make the same cluster id on every node; alone it is a new one. */
export function newIdentity({ clusterId, nodeId, roles }: NodeConfig, entropy: Entropy): MetaProperties {
  const { voters } = roles
  return {
    clusterId: clusterId ?? (voters.length > 0 ? clusterIdOf(voters) : randomUuid(entropy)),
    nodeId,
    directoryId: randomUuid(entropy),
  }
}

/**
 * A cluster id that would be derived from the voters is not compared: voters change, the id stays.
 * @throws StartupError DATA_FOLDER_FOREIGN when the folder belongs to another node or cluster
 */
export function requireIdentity(
  known: MetaProperties,
  { nodeId, clusterId, dataDirectory }: NodeConfig,
): void {
  if (known.nodeId !== nodeId) {
    throw foreign(dataDirectory, `node ${known.nodeId}`, `node ${nodeId}`, `--node-id ${known.nodeId}`)
  }
  if (clusterId !== null && known.clusterId !== clusterId) {
    const setting = `cluster.id=${known.clusterId}`
    throw foreign(dataDirectory, `cluster ${known.clusterId}`, `cluster ${clusterId}`, setting)
  }
}

function foreign(path: string, owner: string, self: string, setting: string): StartupError {
  return new StartupError(
    'DATA_FOLDER_FOREIGN',
    `data folder ${path} belongs to ${owner}, but this is ${self}`,
    `Start with ${setting} to serve it, or choose another folder with --data.`,
  )
}
