/**
 * `partition.metadata`: which topic a partition's folder belongs to, in Kafka's format, and a line of our own behind it, which
 * Kafka does not read: the checksum of what it does. An id with a flipped bit is the id of no topic, and the folder of an
 * unknown topic is set aside: the replica would begin anew, in sync as far as anybody knows, without what it had.
 */
import { crc32c, parseUuid } from '@millrace/base'
import type { Disk, Uuid } from '@millrace/base'
import { PARTITION_METADATA } from './file-name.ts'
import { readFile, writeFully } from './transfer.ts'

/** Kafka's folders, and those that are older than the checksum, end before it. */
const FORMAT = /^(version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?)(?:crc32c: ([0-9a-f]{8})\n)?$/

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
  if (match === null) return null
  const [, content, topicId, checksum] = match
  return checksum === undefined || checksum === checksumOf(content!) ? parseUuid(topicId!) : null
}

/** Not synced: the log's first flush does that. @returns the file's path */
export function writePartitionMetadata(disk: Disk, directory: string, topicId: Uuid): string {
  const path = `${directory}/${PARTITION_METADATA}`
  const content = `version: 0\ntopic_id: ${topicId}\n`
  const file = disk.open(path, 'create')
  try {
    disk.truncate(file, 0)
    writeFully(disk, file, path, Buffer.from(`${content}crc32c: ${checksumOf(content)}\n`), 0)
  } finally {
    disk.close(file)
  }
  return path
}

/** @returns eight hexadecimal digits */
function checksumOf(content: string): string {
  return crc32c(Buffer.from(content)).toString(16).padStart(8, '0')
}
