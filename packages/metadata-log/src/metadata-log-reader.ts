/** Reads the metadata log in order, from any offset. */
import type { BufferPool, Offset } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import type { Log } from '@millrace/storage'
import { MetadataLogError } from './metadata-log-error.ts'

const READ_BYTES = 256 * 1024

/**
 * @param fromOffset where to start; a batch that contains it is given whole
 * @param endOffset only batches below it
 * @returns whole batches, in pieces: each is valid until the next is asked for
 * @throws MetadataLogError where the log is damaged
 */
export function* readMetadataBytes(
  log: Log,
  fromOffset: Offset,
  endOffset: Offset,
  pool: BufferPool,
): Generator<Buffer> {
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
          offset = endOf(read.records)
          yield read.records
        } finally {
          read.release()
        }
    }
  }
}

export function unreadable(log: Log, offset: Offset, reason: string): MetadataLogError {
  return new MetadataLogError(
    `cluster metadata in ${log.directory} can't be read at offset ${offset}: ${reason}. ` +
      'Nothing was changed; restore the folder from a copy, or start with the version that wrote it.',
  )
}

/** The log has looked at the headers of what it returns. */
function endOf(batches: Buffer): Offset {
  const view = new RecordBatchView(batches)
  while (view.end < batches.length) view.at(batches, view.end)
  return (view.lastOffset + 1) as Offset
}
