/** The segments of a topic in the data folders of its replicas, compared byte by byte. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @returns what differs, in words; empty when each partition's files are the same in all folders */
export function replicaDifferences(
  folders: readonly string[],
  topic: string,
  partitionCount: number,
): string[] {
  const problems: string[] = []
  for (let partition = 0; partition < partitionCount; partition++) {
    const name = `${topic}-${partition}`
    const hashes = new Set(folders.map((folder) => segmentsHash(join(folder, name))))
    if (hashes.size > 1) problems.push(`${name}: its replicas are not the same`)
  }
  return problems
}

function segmentsHash(folder: string): string {
  if (!existsSync(folder)) return 'none'
  const hash = createHash('sha256')
  const segments = readdirSync(folder).filter((name) => name.endsWith('.log'))
  for (const name of segments.toSorted()) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.digest('hex')
}
