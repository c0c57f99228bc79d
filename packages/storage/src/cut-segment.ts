/** Cutting off a segment's tail: its facts and indexes end before an offset. The file is the caller's to shorten. */
import { BufferPool } from '@millrace/base'
import type { Disk, Log as Logger, Offset } from '@millrace/base'
import type { LogConfig } from './log-config.ts'
import { replaySegment } from './segment-replay.ts'
import type { Segment } from './segment.ts'

/** Memory kept between the reads of one scan. */
const SCAN_POOL_BYTES = 2 * 2 ** 20

export interface CutOptions {
  readonly disk: Disk
  readonly log: Logger
  readonly config: Pick<LogConfig, 'indexIntervalBytes'>
}

/** Leaves the batches that end below `offset`, or fewer where damage is found on the way. @throws DiskError */
export function cutSegment(
  segment: Segment,
  offset: Offset,
  { disk, log, config: { indexIntervalBytes } }: CutOptions,
): void {
  if (segment.endOffset <= offset) return
  const { problem } = replaySegment(segment, {
    disk,
    pool: new BufferPool({ maxPooledBytes: SCAN_POOL_BYTES }),
    indexIntervalBytes,
    indexes: 'distrust',
    indexesBelow: offset,
    verifyFrom: Infinity,
    stopOffset: offset,
    gapsAllowed: true,
    fileBytes: segment.writtenBytes,
  })
  if (problem === null) return
  const { logPath, endOffset } = segment
  log.error({ file: logPath, endOffset, problem }, 'damage found while truncating: the log ends before it')
}
