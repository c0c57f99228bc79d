/** Recovery as a job of the maintenance pool: paths and ranges in, report out. */
import { type Job, moduleBeside } from '@millrace/base'
import { nodeDisk } from '@millrace/base/node'
import { recoverLog } from './recovery.ts'
import type { RecoveryInput, RecoveryReport } from './recovery.ts'

export default function run(input: RecoveryInput): RecoveryReport {
  return recoverLog(nodeDisk(), input)
}

/** Give the report to `Log.open`, which then scans nothing. The folder must not be in use meanwhile. */
export const recoverSegments: Job<RecoveryInput, RecoveryReport> = {
  pool: 'maintenance',
  module: moduleBeside('recover-segments.job', import.meta.url),
  run,
}
