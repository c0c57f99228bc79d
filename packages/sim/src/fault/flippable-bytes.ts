/**
 * How much of a file a flipped bit may hit. Of a log it is what lies below its recovery point: a batch above it that is
 * damaged after a crash looks like one whose write the crash tore, and no log can tell these two.
 */
import { DATA_FOLDER } from '../cluster/node-plan.ts'
import { isSegment, readBatches } from '../invariant/logged-batch.ts'
import type { DiskContent } from '../invariant/metadata-files.ts'

const CHECKPOINT = 'recovery-point-offset-checkpoint'

/** @returns from the file's beginning on */
export function flippableBytes(disk: DiskContent, path: string): number {
  const bytes = disk.contentOf(path)
  const [name, folder] = path.split('/').toReversed()
  if (!isSegment(name!)) return bytes.length
  const { batches } = readBatches(bytes, 0, false)
  const recoveryPoint = recoveryPointOf(disk, folder!)
  return batches.findLast(({ lastOffset }) => lastOffset < recoveryPoint)?.endPosition ?? 0
}

/** @param folder of a log, `TOPIC-PARTITION`; the quorum's has a checkpoint of its own in it */
function recoveryPointOf(disk: DiskContent, folder: string): number {
  const places = [`${DATA_FOLDER}/${folder}/${CHECKPOINT}`, `${DATA_FOLDER}/${CHECKPOINT}`]
  const path = places.find((place) => disk.files().includes(place))
  if (path === undefined) return 0
  const at = folder.lastIndexOf('-')
  const entry = `${folder.slice(0, at)} ${folder.slice(at + 1)} `
  const lines = disk.contentOf(path).toString('utf8').split('\n')
  return Number(lines.find((line) => line.startsWith(entry))?.slice(entry.length) ?? 0)
}
