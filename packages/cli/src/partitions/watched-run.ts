/** A run of reassignments with its progress on the terminal. */
import type { Admin } from '@millrace/client'
import type { Output } from '../output.ts'
import { ProgressBar } from '../progress-bar.ts'
import { formatCount, plural } from '../units.ts'
import type { Reassignment } from './reassignment-file.ts'
import { runReassignments, type RunProgress } from './reassignment-run.ts'

const INTERRUPTED =
  'What has begun to move goes on: `millrace partition list --moving` shows it, `partition reassign --cancel` ends it.'

export interface WatchOptions {
  readonly label: string
  readonly concurrency: number
  readonly output: Output
  readonly signal: AbortSignal
}

/** @throws what `runReassignments` does; Ctrl-C leaves what has begun to the cluster, and says so */
export async function watchReassignments(
  admin: Admin,
  moves: readonly Reassignment[],
  { label, concurrency, output, signal }: WatchOptions,
): Promise<void> {
  const bar = new ProgressBar(label, output.format === 'text')
  try {
    await runReassignments(admin, moves, {
      concurrency,
      signal,
      onProgress: (progress) => bar.update(progress.done / progress.total, () => progressText(progress)),
    })
  } catch (error) {
    bar.clear()
    if (!signal.aborted) throw error
    output.note(INTERRUPTED)
    throw signal.reason
  }
  bar.clear()
}

function progressText({ done, total, lag }: RunProgress): string {
  const copying = lag === null || lag === 0 ? '' : `, ${plural(lag, 'record')} to copy`
  return `${formatCount(done)} of ${plural(total, 'partition')}${copying}`
}
