/** `meta.properties`: to which cluster and node a data folder belongs, in Kafka's format. */
import { parseUuid } from '@millrace/base'
import type { NodeId, Uuid } from '@millrace/base'
import { parseCount } from './checkpoint-file.ts'

export const META_PROPERTIES = 'meta.properties'

export interface MetaProperties {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly directoryId: Uuid
}

export function formatMetaProperties({ clusterId, nodeId, directoryId }: MetaProperties): Buffer {
  const lines = [
    '#',
    `cluster.id=${clusterId}`,
    `directory.id=${directoryId}`,
    `node.id=${nodeId}`,
    'version=1',
    '',
  ]
  return Buffer.from(lines.join('\n'))
}

/** @returns null when something is missing or not what it should be */
export function parseMetaProperties(bytes: Buffer): MetaProperties | null {
  const values = new Map<string, string>()
  for (const line of bytes.toString('utf8').split(/\r?\n/)) {
    const split = line.indexOf('=')
    if (!line.startsWith('#') && split > 0)
      values.set(line.slice(0, split).trim(), line.slice(split + 1).trim())
  }
  const clusterId = values.get('cluster.id')
  const nodeId = parseCount(values.get('node.id') ?? '')
  const directoryId = parseUuid(values.get('directory.id') ?? '')
  const isComplete = clusterId !== undefined && clusterId !== '' && nodeId !== null && directoryId !== null
  if (!isComplete || values.get('version') !== '1' || nodeId > 0x7fffffff) return null
  return { clusterId, nodeId: nodeId as NodeId, directoryId }
}
