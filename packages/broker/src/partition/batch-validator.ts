/**
 * Decides whether produced bytes are one acceptable record batch: on the shard when that is quick, in the codec pool
 * when a large compressed batch must be unpacked for it.
 */
import type { JobRunner } from '@millrace/base'
import {
  CompressionType,
  RECORD_BATCH_HEADER_BYTES,
  RecordBatchView,
  batchValidation,
  validateBatch,
} from '@millrace/record'
import type { BatchError, BatchLimits } from '@millrace/record'

export class BatchValidator {
  readonly #jobs: JobRunner
  readonly #inlineBytesMax: number
  readonly #view = new RecordBatchView(Buffer.alloc(RECORD_BATCH_HEADER_BYTES))

  constructor(jobs: JobRunner, inlineBytesMax: number) {
    this.#jobs = jobs
    this.#inlineBytesMax = inlineBytesMax
  }

  /** Uncompressed batches are: only their records' lengths are walked. @param batch at least a header */
  isQuick(batch: Buffer): boolean {
    if (batch.length <= this.#inlineBytesMax) return true
    return this.#view.at(batch, 0).compression === CompressionType.none
  }

  validate(batch: Buffer, limits: BatchLimits): BatchError | null {
    return validateBatch(batch, 0, batch.length, limits)
  }

  validateInPool(batch: Buffer, limits: BatchLimits): Promise<BatchError | null> {
    return this.#jobs.run(batchValidation, { batch, limits })
  }
}
