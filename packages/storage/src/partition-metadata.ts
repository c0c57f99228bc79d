/** `partition.metadata`: which topic a partition's folder belongs to, in Kafka's format. */
import { parseUuid } from '@millrace/base'
import type { Disk, Uuid } from '@millrace/base'
import { PARTITION_METADATA } from './file-name.ts'
import { readFile, writeFully } from './transfer.ts'

const FORMAT = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?$/

/** A folder that holds the data of another topic of the same name. */
export class TopicIdMismatchError extends Error {
  override readonly name = 'TopicIdMismatchError'
  constructor(directory: string, found: Uuid, expected: Uuid) {
    super(
      `${directory} belongs to the topic with id ${found}, not ${expected}: move the folder away to go on`,
    )
  }
}

/** @returns null when the file is missing or not what it should be, as after a crash before the first flush */
export function readPartitionMetadata(disk: Disk, directory: string): Uuid | null {
  const bytes = readFile(disk, `${directory}/${PARTITION_METADATA}`)
  const match = bytes === null ? null : FORMAT.exec(bytes.toString('latin1'))
  return match === null ? null : parseUuid(match[1]!)
}

/** Not synced: the log's first flush does that. @returns the file's path */
export function writePartitionMetadata(disk: Disk, directory: string, topicId: Uuid): string {
  const path = `${directory}/${PARTITION_METADATA}`
  const file = disk.open(path, 'create')
  try {
    disk.truncate(file, 0)
    writeFully(disk, file, path, Buffer.from(`version: 0\ntopic_id: ${topicId}\n`), 0)
  } finally {
    disk.close(file)
  }
  return path
}
