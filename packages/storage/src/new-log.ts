/**
 * What a recovery would find where there is no folder yet: so that creating thousands of partitions looks for nothing in
 * thousands of empty folders.
 */
import type { Offset } from '@millrace/base'
import { NO_PRODUCERS } from './producer/producer-recovery.ts'
import type { RecoveryReport } from './recovery.ts'

/** For `Log.open` of a log that was never there. */
export const NEW_LOG: RecoveryReport = {
  segments: [],
  logStartOffset: 0 as Offset,
  logEndOffset: 0 as Offset,
  epochs: [],
  // The first flush writes their checkpoint, by which later recoveries know that there was one.
  epochsSaved: false,
  producers: NO_PRODUCERS,
  corruption: null,
  scannedBytes: 0,
  cutBytes: 0,
  cutReason: null,
  clearedFiles: [],
  wasInDoubt: false,
  removedFiles: [],
  rebuiltIndexes: [],
  writtenIndexes: [],
}
