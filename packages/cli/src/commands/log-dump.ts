import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import {
  batchHeadLine,
  batchLine,
  type BatchDescription,
  describeBatch,
  recordsOf,
} from '../log-files/batch-description.ts'
import { readingFiles } from '../log-files/readable.ts'
import { type ScannedBatch, scanSegment, type ScanStep } from '../log-files/segment-scan.ts'
import { type Output, paint } from '../output.ts'
import { type PrintedRecord, printedRecord, timestampText, visibleText } from '../records/record-format.ts'
import { plural } from '../units.ts'

interface Options {
  readonly records?: true
}

/** Of a text line; JSON has everything. */
const VALUE_CHARACTERS_MAX = 200

export default defineCommand<Options>({
  examples: [
    'millrace log dump data/flights-0/00000000000000000000.log',
    'millrace log dump --records data/flights-0/00000000000000000000.log --output json | jq .value',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<file>', 'segment file (.log)')
      .option('--records', 'print the records of each batch as well')
  },

  async run({ args: [path = ''], options, output, signal }) {
    let batches = 0
    let records = 0
    let damage = 0
    const steps = scanSegment(path)
    for (;;) {
      const step = readingFiles(path, () => steps.next())
      if (step.done === true || signal.aborted) break
      if (output.format === 'text' && batches + damage === 0) await output.write(batchHeadLine() + '\n')
      damage += await dumpStep(step.value, options.records === true, output)
      if (step.value.kind === 'damage') continue
      batches += 1
      records += step.value.batch.recordCount
    }
    const summary = `${plural(batches, 'batch', 'batches')}, ${plural(records, 'record')}`
    if (output.format === 'json')
      await output.write(JSON.stringify({ type: 'summary', batches, records, damage }) + '\n')
    else output.note(damage === 0 ? `${summary}, no damage` : summary)
    if (damage > 0) {
      const hint =
        'A damaged tail is cut at the next start of the broker; damage elsewhere is restored from a replica or a backup.'
      throw new CliError('DAMAGED', `${path} is damaged in ${plural(damage, 'place')}`, hint)
    }
  },
})

/** @returns how many damaged places the step showed */
async function dumpStep(step: ScanStep, withRecords: boolean, output: Output): Promise<number> {
  if (step.kind === 'damage') {
    await print(output, { type: 'damage', position: step.position, reason: step.reason }, () =>
      paint('red', `damage at position ${step.position}: ${step.reason}`),
    )
    return 1
  }
  const description = describeBatch(step)
  await print(output, { type: 'batch', ...description }, () => batchLine(description))
  if (!withRecords || !step.crcValid) return step.crcValid ? 0 : 1
  return await dumpRecords(step, description, output)
}

async function dumpRecords(
  step: ScannedBatch,
  { position }: BatchDescription,
  output: Output,
): Promise<number> {
  const { records, problem } = recordsOf(step)
  for (const record of records) {
    const printed = printedRecord(record)
    await print(output, { type: 'record', ...printed }, () => recordLine(printed))
  }
  if (problem === null) return 0
  await print(output, { type: 'damage', position, reason: problem }, () =>
    paint('red', `damage inside the batch at position ${position}: ${problem}`),
  )
  return 1
}

function recordLine({ offset, timestamp, key, value, headers }: PrintedRecord): string {
  const parts = [
    `    ${offset}`,
    timestampText(timestamp),
    `${paint('dim', 'key=')}${visibleText(key, VALUE_CHARACTERS_MAX)}`,
    `${paint('dim', 'value=')}${visibleText(value, VALUE_CHARACTERS_MAX)}`,
    ...headers.map(
      (header) =>
        `${paint('dim', `header ${header.key}=`)}${visibleText(header.value, VALUE_CHARACTERS_MAX)}`,
    ),
  ]
  return parts.join('  ')
}

async function print(output: Output, value: object, text: () => string): Promise<void> {
  await output.write((output.format === 'json' ? JSON.stringify(value) : text()) + '\n')
}
