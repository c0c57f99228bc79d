/**
 * Names of snapshots beside the log, as Kafka gives them: `<end offset>-<epoch>.checkpoint`, and `.part` behind it while
 * one is being written or fetched.
 */
import type { Disk, Offset } from '@millrace/base'
import type { SnapshotId } from '@millrace/raft'

const SNAPSHOT_FILE = /^(\d{20})-(\d{10})\.checkpoint$/
const UNFINISHED_FILE = /^\d{20}-\d{10}\.checkpoint\.part$/
export const UNFINISHED_SUFFIX = '.part'
/** A snapshot that can't be read keeps its bytes under this name, for people. */
const DAMAGED_SUFFIX = '.damaged'

/** `00000000000000000042-0000000003.checkpoint` */
export function snapshotFileName({ endOffset, epoch }: SnapshotId): string {
  return `${String(endOffset).padStart(20, '0')}-${String(epoch).padStart(10, '0')}.checkpoint`
}

/** @returns null for any other file */
function parseSnapshotFileName(name: string): SnapshotId | null {
  const match = SNAPSHOT_FILE.exec(name)
  if (match === null) return null
  const endOffset = Number(match[1])
  return Number.isSafeInteger(endOffset) ? { endOffset: endOffset as Offset, epoch: Number(match[2]) } : null
}

function compareSnapshots(a: SnapshotId, b: SnapshotId): number {
  return a.endOffset - b.endOffset || a.epoch - b.epoch
}

export function isSameSnapshot(a: SnapshotId, b: SnapshotId): boolean {
  return compareSnapshots(a, b) === 0
}

/** Finished snapshots, the latest first. @throws DiskError */
export function listSnapshots(disk: Disk, directory: string): SnapshotId[] {
  return disk
    .list(directory)
    .flatMap(({ name }) => parseSnapshotFileName(name) ?? [])
    .toSorted((a, b) => compareSnapshots(b, a))
}

/** What a stopped process left half way counts for nothing. @throws DiskError */
export function removeUnfinishedSnapshots(disk: Disk, directory: string): void {
  for (const { name } of disk.list(directory)) {
    if (UNFINISHED_FILE.test(name)) disk.unlink(`${directory}/${name}`)
  }
}

/** @throws DiskError */
export function removeSnapshotsBelow(disk: Disk, directory: string, endOffset: Offset): void {
  for (const snapshotId of listSnapshots(disk, directory)) {
    if (snapshotId.endOffset < endOffset) disk.unlink(`${directory}/${snapshotFileName(snapshotId)}`)
  }
}

/** Takes a snapshot that can't be read out of the way. @throws DiskError */
export function setSnapshotAside(disk: Disk, directory: string, snapshotId: SnapshotId): void {
  const path = `${directory}/${snapshotFileName(snapshotId)}`
  disk.rename(path, path + DAMAGED_SUFFIX)
}
