import type { Assignment } from '@millrace/consumer-client'
import { withAdmin } from '../client-session.ts'
import { defineCommand } from '../command.ts'
import { withConsumer } from '../consumer-session.ts'
import { addConnectionOptions, integer } from '../options.ts'
import { LatencyRun, STAMP_BYTES } from '../perf/latency-run.ts'
import { addPerfOptions, ensureTopic, type PerfOptions } from '../perf/perf-options.ts'
import { Measurement, printPerfResult } from '../perf/perf-report.ts'
import { addProducerOptions, type ProducerCommandOptions, withProducer } from '../producer-session.ts'
import { ProgressBar } from '../progress-bar.ts'
import { formatMs } from '../units.ts'

interface Options extends ProducerCommandOptions, PerfOptions {
  readonly rate: number
  readonly duration: number
  readonly size: number
}

const WARM_UP_S = 1

export default defineCommand<Options>({
  examples: [
    'millrace perf latency bench --rate 1000 --duration 10',
    'millrace perf latency bench --rate 10000 --linger-ms 0 --create-partitions 2',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<topic>', 'topic to write to and read from')
      .option('--rate <records/s>', 'records a second', integer(1, 10_000_000), 1000)
      .option(
        '--duration <seconds>',
        'how long to measure, after one second of warming up',
        integer(1, 86_400),
        10,
      )
      .option('--size <bytes>', 'size of a value', integer(STAMP_BYTES, 100_000_000), 100)
    addProducerOptions(command)
    addPerfOptions(command)
    addConnectionOptions(command)
  },

  async run({ args: [topic = ''], options, output, signal }) {
    const { acks, compression, lingerMs, rate, size, duration } = options
    await ensureTopic(topic, options)
    const ends = await endsOf(topic, options)
    const progress = new ProgressBar('measuring', output.format === 'text')
    const records = rate * (duration + WARM_UP_S)
    const run = new LatencyRun({
      topic,
      recordsPerSecond: rate,
      valueBytes: size,
      records,
      warmUpRecords: rate * WARM_UP_S,
      signal,
      onProgress: (fraction) =>
        progress.update(fraction, () => `p99 ${formatMs(run.endToEnd.summary().p99Ms)}`),
    })
    const measurement = new Measurement(options.brokerPid)
    try {
      await withProducer(options, (producer) =>
        withConsumer(options, (consumer) => run.run(producer, consumer, ends)),
      )
    } finally {
      progress.clear()
    }
    const endToEnd = run.endToEnd.summary()
    const setting = { topic, size, rate, acks, compression, 'linger-ms': lingerMs }
    printPerfResult(output, 'latency', setting, measurement.finish(records, records * size, endToEnd))
    const { p50Ms, p99Ms, p999Ms } = run.acknowledged.summary()
    output.note(
      `acknowledged after p50 ${formatMs(p50Ms)}, p99 ${formatMs(p99Ms)}, p99.9 ${formatMs(p999Ms)}`,
    )
  },
})

/** Looked up beforehand, so that no record is sent before the consumer knows where to start. */
async function endsOf(topic: string, options: Options): Promise<Assignment[]> {
  return await withAdmin(options, async (admin) => {
    const [description] = await admin.describeTopics([topic])
    const queries = description!.partitions.map(({ partition }) => ({ topic, partition, at: 'end' as const }))
    const found = await admin.listOffsets(queries)
    return found.map(({ partition, offset }) => ({ topic, partition, from: { offset } }))
  })
}
