/**
 * The logs of one partition's replicas, as they lie on the disks of their brokers. Once a cluster is at rest, what several of
 * them have is the same, byte for byte.
 */
import { DATA_FOLDER } from '../cluster/node-plan.ts'
import type { DiskContent } from './metadata-files.ts'
import { readBatches } from './logged-batch.ts'

export interface ReplicaFiles {
  readonly node: number
  readonly disk: DiskContent
}

const SEGMENT = /\/(\d{20})\.log$/

/** @returns where two replicas part, in words; null: nowhere */
export function replicaDivergence(name: string, replicas: readonly ReplicaFiles[]): string | null {
  const logs = replicas.map(({ node, disk }) => ({ node, batches: batchesOf(disk, name) }))
  const seen = new Map<number, { readonly node: number; readonly bytes: Buffer }>()
  for (const { node, batches } of logs) {
    for (const [baseOffset, bytes] of batches) {
      const other = seen.get(baseOffset)
      if (other === undefined) seen.set(baseOffset, { node, bytes })
      else if (!other.bytes.equals(bytes)) {
        return `${name}: the batch at ${baseOffset} is one on node ${other.node} and another on node ${node}`
      }
    }
  }
  return null
}

/** Bytes of each batch by base offset. */
function batchesOf(disk: DiskContent, name: string): Map<number, Buffer> {
  const folder = `${DATA_FOLDER}/${name}`
  const found = new Map<number, Buffer>()
  for (const path of disk.files()) {
    if (!path.startsWith(`${folder}/`) || !SEGMENT.test(path)) continue
    const bytes = disk.contentOf(path)
    for (const { baseOffset, position, endPosition } of readBatches(bytes, 0, false).batches) {
      found.set(baseOffset, bytes.subarray(position, endPosition))
    }
  }
  return found
}
