import type { Consumer } from '@millrace/consumer-client'
import { CliError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { withConsumer } from '../consumer-session.ts'
import { addConnectionOptions, type ConnectionOptions, integer } from '../options.ts'
import { Measurement, type PerfResult, printPerfResult } from '../perf/perf-report.ts'
import { ProgressBar } from '../progress-bar.ts'
import { formatCount, formatRate } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly records?: number
  readonly brokerPid?: number
}

export default defineCommand<Options>({
  examples: [
    'millrace perf consume bench',
    'millrace perf consume bench --records 2000000 --broker-pid 4711',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<topic>', 'topic to read from its beginning')
      .option('--records <count>', 'end after so many (default: all that are there)', integer(1))
      .option('--broker-pid <pid>', 'report CPU seconds of this process as well', integer(1))
    addConnectionOptions(command)
  },

  async run({ args: [topic = ''], options, output, signal }) {
    const progress = new ProgressBar('consuming', output.format === 'text')
    const result = await withConsumer(options, (consumer) =>
      measure(consumer, topic, options, progress, signal),
    )
    progress.clear()
    if (result.records === 0)
      throw new CliError('EMPTY', `topic ${topic} has no records`, 'Write some with `millrace perf produce`.')
    printPerfResult(output, 'consume', { topic }, result)
  },
})

async function measure(
  consumer: Consumer,
  topic: string,
  { records: wanted = Infinity, brokerPid }: Options,
  progress: ProgressBar,
  signal: AbortSignal,
): Promise<PerfResult> {
  const measurement = new Measurement(brokerPid)
  const reader = consumer.read(topic, { from: 'beginning', until: 'end', signal })
  let records = 0
  let bytes = 0
  for await (const batch of reader.batches()) {
    // Every value is decoded, as an application would: counting alone says little.
    for (const { value } of batch) {
      bytes += value?.length ?? 0
      if (++records === wanted) break
    }
    if (records === wanted) break
    const total = Math.min(wanted, records + (reader.lag() ?? 0))
    progress.update(records / total, () => {
      const seconds = measurement.elapsedMs / 1000
      return `${formatCount(records / seconds)} records/s, ${formatRate(bytes / seconds)}`
    })
  }
  return measurement.finish(records, bytes, null)
}
