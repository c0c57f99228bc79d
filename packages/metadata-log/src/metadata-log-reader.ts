/** Reads the metadata log in order, from any offset. */
import { type BufferPool, type Offset } from '@millrace/base'
import type { Log } from '@millrace/storage'
import { decodeMetadataBatches, type MetadataBatch } from './metadata-batch.ts'
import { MetadataLogError } from './metadata-log-error.ts'

const READ_BYTES = 1024 * 1024

/**
 * @param fromOffset where to start; a batch that contains it is given whole
 * @param endOffset only batches below it
 * @throws MetadataLogError where the log is damaged, or written by a newer version
 */
export function* readMetadataBatches(
  log: Log,
  fromOffset: Offset,
  endOffset: Offset,
  pool: BufferPool,
): Generator<MetadataBatch> {
  for (let offset = fromOffset; offset < endOffset;) {
    const read = log.read({ offset, maxBytes: READ_BYTES, endOffset, atLeastOneBatch: true, pool })
    switch (read.kind) {
      case 'out-of-range':
        throw unreadable(log, offset, `the log holds ${log.logStartOffset} to ${log.logEndOffset}`)
      case 'corrupt':
        throw unreadable(log, read.corruption.offset, `${read.corruption.path}: ${read.corruption.reason}`)
      case 'ok':
        try {
          if (read.records.length === 0) throw unreadable(log, offset, 'no batch is there')
          for (const batch of decodeMetadataBatches(read.records)) {
            if ('kind' in batch) throw unreadable(log, batch.offset, batch.reason)
            offset = (batch.lastOffset + 1) as Offset
            yield batch
          }
        } finally {
          read.release()
        }
    }
  }
}

function unreadable(log: Log, offset: Offset, reason: string): MetadataLogError {
  return new MetadataLogError(
    `cluster metadata in ${log.directory} can't be read at offset ${offset}: ${reason}. ` +
      'Nothing was changed; restore the folder from a copy, or start with the version that wrote it.',
  )
}
