/** `validateBatch` as a job for the codec pool: large compressed batches are checked off the event loop. */
import type { Job } from '@millrace/base'
import { asBuffer, moduleBeside } from '@millrace/base'
import type { BatchError } from './batch-error.ts'
import type { BatchLimits } from './batch-validator.ts'
import { validateBatch } from './batch-validator.ts'

export interface BatchValidationInput {
  /** One batch in memory of its own: a view of a larger buffer would be cloned with all of it. */
  readonly batch: Uint8Array
  readonly limits: BatchLimits
}

export const batchValidation: Job<BatchValidationInput, BatchError | null> = {
  pool: 'codec',
  module: moduleBeside('batch-validation.job', import.meta.url),
  run,
}

export default run

function run(input: BatchValidationInput): BatchError | null {
  const batch = asBuffer(input.batch)
  return validateBatch(batch, 0, batch.length, input.limits)
}
