import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { recordsOf } from '../log-files/batch-description.ts'
import { readingFiles } from '../log-files/readable.ts'
import { scanSegment, type SegmentDamage } from '../log-files/segment-scan.ts'
import { paint } from '../output.ts'
import { ProgressBar } from '../progress-bar.ts'
import { formatBytes, formatCount, plural } from '../units.ts'

interface SegmentReport {
  readonly file: string
  readonly bytes: number
  readonly batches: number
  readonly records: number
  readonly damage: readonly SegmentDamage[]
}

export default defineCommand<object>({
  examples: ['millrace log verify ./data', 'millrace log verify ./data/flights-0 --output json'],

  interruptible: true,

  configure(command) {
    command.argument('<dir>', 'data folder, or the folder of one partition')
  },

  async run({ args: [root = ''], output, signal }) {
    const files = readingFiles(root, () => segmentFiles(root))
    const totalBytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
    const progress = new ProgressBar('verifying', output.format === 'text')
    const segments: SegmentReport[] = []
    let doneBytes = 0
    for (const file of files) {
      const report = await verifySegment(file, signal, (bytes) => {
        progress.update((doneBytes + bytes) / totalBytes, () => relative(root, file))
      })
      doneBytes += report.bytes
      segments.push({ ...report, file: relative(root, file) || basename(file) })
    }
    progress.clear()
    signal.throwIfAborted()

    const damaged = segments.filter(({ damage }) => damage.length > 0)
    const { table } = await import('../table.ts')
    output.result({ ok: damaged.length === 0, segments }, () => {
      const rows = byPartition(segments)
      const head = [
        { title: 'PARTITION' },
        ...['SEGMENTS', 'RECORDS', 'SIZE'].map((title) => ({ title, align: 'right' as const })),
        { title: 'VERDICT' },
      ]
      return [table(head, rows), ...damaged.flatMap(damageLines)].join('\n')
    })
    if (damaged.length > 0) {
      throw new CliError(
        'DAMAGED',
        `${plural(damaged.length, 'segment')} of ${formatCount(segments.length)} damaged`,
        'Look into one with `millrace log dump FILE`. Damage at the very end of the last segment is cut at the next start.',
      )
    }
  },
})

function segmentFiles(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /^\d{20}\.log$/.test(entry.name))
  if (files.length === 0) {
    throw new CliError(
      'NO_SEGMENTS',
      `no segment files under ${root}`,
      'Name the folder that the broker was given with --data.',
    )
  }
  return files.map((entry) => join(entry.parentPath, entry.name)).toSorted()
}

/** Checks every batch and walks every record. @param onProgress gets the bytes done */
async function verifySegment(
  file: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<SegmentReport> {
  const damage: SegmentDamage[] = []
  let batches = 0
  let records = 0
  for (const step of scanSegment(file)) {
    if (signal.aborted) break
    if (step.kind === 'damage') {
      damage.push({ position: step.position, reason: step.reason })
      continue
    }
    const { position, batch, crcValid } = step
    const problem = crcValid ? recordsOf(step).problem : 'the checksum is wrong'
    if (problem !== null) damage.push({ position, reason: problem })
    batches += 1
    records += batch.recordCount
    onProgress(position)
    // Keeps Ctrl-C and the progress line alive: reading and checking are synchronous.
    if (batches % 256 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { file, bytes: statSync(file).size, batches, records, damage }
}

function byPartition(segments: readonly SegmentReport[]): (string | number)[][] {
  const groups = Map.groupBy(segments, ({ file }) => dirname(file))
  return [...groups].map(([folder, members]) => {
    const bad = members.filter(({ damage }) => damage.length > 0).length
    return [
      folder,
      members.length,
      formatCount(members.reduce((sum, { records }) => sum + records, 0)),
      formatBytes(members.reduce((sum, { bytes }) => sum + bytes, 0)),
      bad === 0 ? paint('green', 'ok') : paint('red', 'DAMAGED'),
    ]
  })
}

function damageLines({ file, damage }: SegmentReport): string[] {
  return damage.map(({ position, reason }) => paint('red', `${file} at position ${position}: ${reason}`))
}
