/**
 * Who this server is, as the data folder remembers it: cluster, node, and the folder itself. Chosen at the first start,
 * checked at every later one, so that a folder is never served under another name.
 */
import { type Entropy, nodeId, randomUuid } from '@millrace/base'
import type { MetaProperties } from '@millrace/storage'
import type { LoadedConfig } from './config/load-config.ts'
import { StartupError } from './startup-error.ts'

/** For a folder that nobody has used. */
export function newIdentity({ values }: LoadedConfig, entropy: Entropy): MetaProperties {
  return {
    clusterId: values['cluster.id'] ?? randomUuid(entropy),
    nodeId: nodeId(values['node.id']),
    directoryId: randomUuid(entropy),
  }
}

/** @throws StartupError DATA_FOLDER_FOREIGN when the folder belongs to another node or cluster */
export function requireIdentity(known: MetaProperties, path: string, { values }: LoadedConfig): void {
  const { 'node.id': node, 'cluster.id': cluster } = values
  if (known.nodeId !== node) {
    throw foreign(path, `node ${known.nodeId}`, `node ${node}`, `--node-id ${known.nodeId}`)
  }
  if (cluster !== null && known.clusterId !== cluster) {
    throw foreign(path, `cluster ${known.clusterId}`, `cluster ${cluster}`, `cluster.id=${known.clusterId}`)
  }
}

function foreign(path: string, owner: string, self: string, setting: string): StartupError {
  return new StartupError(
    'DATA_FOLDER_FOREIGN',
    `data folder ${path} belongs to ${owner}, but this is ${self}`,
    `Start with ${setting} to serve it, or choose another folder with --data.`,
  )
}
