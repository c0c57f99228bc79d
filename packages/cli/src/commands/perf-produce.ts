import type { Producer } from '@millrace/producer-client'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, integer } from '../options.ts'
import { LatencyHistogram } from '../perf/latency-histogram.ts'
import { payloads } from '../perf/payload.ts'
import { addPerfOptions, ensureTopic, type PerfOptions } from '../perf/perf-options.ts'
import { Measurement, type PerfResult, printPerfResult } from '../perf/perf-report.ts'
import { addProducerOptions, type ProducerCommandOptions, withProducer } from '../producer-session.ts'
import { ProgressBar } from '../progress-bar.ts'
import { formatCount, formatRate } from '../units.ts'

interface Options extends ProducerCommandOptions, PerfOptions {
  readonly records: number
  readonly size: number
  readonly rate?: number
}

/** Every so many records, one is sent by itself and timed. */
const RECORDS_PER_SAMPLE = 1000
/** With --rate: how often records are let go. */
const TICK_MS = 5

export default defineCommand<Options>({
  examples: [
    'millrace perf produce bench --create-partitions 2 --records 2000000 --size 100',
    'millrace perf produce bench --rate 10000 --acks all --broker-pid $(pgrep -f "millrace broker")',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<topic>', 'topic to write to')
      .option('--records <count>', 'how many records to send', integer(1), 1_000_000)
      .option('--size <bytes>', 'size of a value', integer(0, 100_000_000), 100)
      .option('--rate <records/s>', 'send no faster than this (default: as fast as possible)', integer(1))
    addProducerOptions(command)
    addPerfOptions(command)
    addConnectionOptions(command)
  },

  async run({ args: [topic = ''], options, output, signal }) {
    await ensureTopic(topic, options)
    const progress = new ProgressBar('producing', output.format === 'text')
    const result = await withProducer(options, (producer) =>
      measure(producer, topic, options, progress, signal),
    )
    progress.clear()
    const { acks, compression, lingerMs, size } = options
    printPerfResult(
      output,
      'produce',
      { topic, size, acks, compression, 'linger-ms': lingerMs, rate: options.rate ?? 'unlimited' },
      result,
    )
  },
})

async function measure(
  producer: Producer,
  topic: string,
  options: Options,
  progress: ProgressBar,
  signal: AbortSignal,
): Promise<PerfResult> {
  const latency = new LatencyHistogram()
  const measurement = new Measurement(options.brokerPid)
  const samples: Promise<Error | null>[] = []
  const values = payloads(options.size)

  const send = function* (from: number, to: number): Generator<{ value: Buffer }> {
    for (let index = from; index < to; index++) {
      const record = { value: values[index % values.length]! }
      if (index % RECORDS_PER_SAMPLE === 0) samples.push(timed(producer, topic, record, latency))
      else yield record
      if (index % 8192 !== 0) continue
      const { elapsedMs } = measurement
      progress.update(index / options.records, () => {
        const perSecond = index / (elapsedMs / 1000)
        return `${formatCount(perSecond)} records/s, ${formatRate(perSecond * options.size)}`
      })
    }
  }
  if (options.rate === undefined) await producer.sendMany(topic, send(0, options.records), { signal })
  else await producer.sendMany(topic, paced(send, options.records, options.rate, measurement), { signal })
  const failure = (await Promise.all(samples)).find((error) => error !== null)
  if (failure !== undefined) throw failure
  return measurement.finish(options.records, options.records * options.size, latency.summary())
}

/** In small steps on time, rather than in bursts: what is late is sent at once. */
async function* paced(
  send: (from: number, to: number) => Generator<{ value: Buffer }>,
  records: number,
  rate: number,
  measurement: Measurement,
): AsyncGenerator<{ value: Buffer }> {
  for (let sent = 0; sent < records;) {
    const due = Math.min(records, Math.ceil((measurement.elapsedMs / 1000) * rate))
    yield* send(sent, due)
    sent = Math.max(sent, due)
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
}

/** Never rejects, because nobody looks before all records are sent. @returns why the record was not stored, or null */
async function timed(
  producer: Producer,
  topic: string,
  record: { value: Buffer },
  latency: LatencyHistogram,
): Promise<Error | null> {
  const sentMs = performance.now()
  try {
    await producer.send(topic, record)
  } catch (error) {
    return error as Error
  }
  latency.record(performance.now() - sentMs)
  return null
}
