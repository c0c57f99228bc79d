/** Names of files and folders as Kafka gives them. */
import type { Offset } from '@millrace/base'

export const FileSuffix = {
  log: '.log',
  offsetIndex: '.index',
  timeIndex: '.timeindex',
  producerSnapshot: '.snapshot',
  /** A dropped segment waiting to be unlinked. */
  deleted: '.deleted',
  /** Output of an unfinished compaction. */
  cleaned: '.cleaned',
  /** Finished output of a compaction, on its way to replace segments. */
  swap: '.swap',
  /** On its way back to the name without this, so that the name is written to disk once more (`renewal.ts`). */
  renamed: '.renamed',
} as const

export const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint'
export const PARTITION_METADATA = 'partition.metadata'
/** Left in a folder, the data folder or that of a log, when a sync in it failed (`failed-sync.ts`). Kafka has none. */
export const SYNC_FAILED_MARK = 'sync-failed'

const SEGMENT_FILE = /^(\d{20})(\.[a-z]+)((?:\.[a-z]+)*)$/
const DELETED_FOLDER = /\.[0-9a-f]{32}(-\d+)?-delete$/
/** Longest file name of common file systems, in bytes. */
const NAME_BYTES_MAX = 255

/** `00000000000000000042.log` */
export function segmentFileName(baseOffset: number, suffix: string): string {
  return String(baseOffset).padStart(20, '0') + suffix
}

export interface SegmentFileName {
  readonly baseOffset: Offset
  /** `.log`, `.index`, … */
  readonly suffix: string
  /** `.deleted`, `.cleaned`, `.swap` or nothing. */
  readonly stage: string
}

/** @returns null for anything that is not a segment's file */
export function parseSegmentFileName(name: string): SegmentFileName | null {
  const match = SEGMENT_FILE.exec(name)
  if (match === null) return null
  const baseOffset = Number(match[1])
  if (!Number.isSafeInteger(baseOffset)) return null
  return { baseOffset: baseOffset as Offset, suffix: match[2]!, stage: match[3]! }
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export function partitionFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** @returns null when the folder holds no partition */
export function parsePartitionFolderName(name: string): TopicPartition | null {
  const match = /^(.+)-(0|[1-9]\d{0,9})$/.exec(name)
  return match === null ? null : { topic: match[1]!, partition: Number(match[2]) }
}

/**
 * `<topic>-<partition>.<unique>-delete` beside it; the topic is cut where the name would become too long.
 *
 * @param isTaken whether something has this path: a replica that left, came back and left again was there before
 */
export function deletedFolderPath(
  path: string,
  topicIdHex: string,
  isTaken: (path: string) => boolean,
): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  for (let removal = 1; ; removal++) {
    const ending = `.${topicIdHex}${removal === 1 ? '' : `-${removal}`}-delete`
    const deleted = `${parentOf(path)}/${name.slice(0, NAME_BYTES_MAX - ending.length)}${ending}`
    if (!isTaken(deleted)) return deleted
  }
}

/** `/` for what lies there; `.` for a name without a folder. */
export function parentOf(path: string): string {
  const split = path.lastIndexOf('/')
  return split > 0 ? path.slice(0, split) : split === 0 ? '/' : '.'
}

export function isDeletedFolderName(name: string): boolean {
  return DELETED_FOLDER.test(name)
}
