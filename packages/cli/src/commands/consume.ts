import { Option } from 'commander'
import type { Consumer } from '@millrace/consumer-client'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, type ConnectionOptions, integer, partitionList } from '../options.ts'
import type { Output } from '../output.ts'
import { MESSAGE_FORMATS, type MessageFormat, MessagePrinter } from '../records/message-printer.ts'
import { parseStartPosition, type StartPosition } from '../records/start-position.ts'
import { plural } from '../units.ts'

interface Options extends ConnectionOptions {
  readonly from: StartPosition
  readonly partitions?: readonly number[]
  readonly max?: number
  readonly exitAtEnd?: true
  readonly format: MessageFormat
  readonly keySeparator: string
}

/** Output is handed on when this much has come together, or the batch ends. */
const CHUNK_MESSAGES = 4096

export default defineCommand<Options>({
  examples: [
    'millrace consume flights --from beginning --exit-at-end',
    'millrace consume flights --from -15m --format key-value',
    'millrace consume flights --max 10 --output json | jq .value',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<topic>', 'topic to read')
      .option(
        '--from <position>',
        'beginning, end, an offset, a time (2026-11-23T08:00Z), or how long ago (-15m)',
        parseStartPosition,
        'beginning',
      )
      .option('--partitions <list>', 'only these, such as 0,2,5-7 (default: all)', partitionList)
      .option('--max <count>', 'end after so many records', integer(1))
      .option('--exit-at-end', 'end when everything that was there at the start is read')
      .addOption(
        new Option('--format <format>', 'what to print of a record; --output json is json')
          .choices([...MESSAGE_FORMATS])
          .default('value'),
      )
      .option('--key-separator <text>', 'between key and value with --format key-value', '\t')
    addConnectionOptions(command)
  },

  async run({ args: [topic = ''], options, output, signal }) {
    const { withConsumer } = await import('../consumer-session.ts')
    let printed = 0
    try {
      await withConsumer(options, async (consumer) => {
        for await (const count of print(consumer, topic, options, output, signal)) printed += count
      })
    } finally {
      output.note(plural(printed, 'record'))
    }
  },
})

/** Yields how many records each chunk of output had. */
async function* print(
  consumer: Consumer,
  topic: string,
  { from, partitions, max = Infinity, exitAtEnd, format, keySeparator }: Options,
  output: Output,
  signal: AbortSignal,
): AsyncGenerator<number, void> {
  const printer = new MessagePrinter(output.format === 'json' ? 'json' : format, keySeparator)
  const reader = consumer.read(topic, {
    from,
    signal,
    ...(exitAtEnd === true ? { until: 'end' } : {}),
    ...(partitions === undefined ? {} : { partitions }),
  })
  let total = 0
  for await (const batch of reader.batches()) {
    let count = 0
    for (const message of batch) {
      printer.add(message)
      total += 1
      count += 1
      if (total === max) break
      if (count === CHUNK_MESSAGES) {
        await output.write(printer.take())
        yield count
        count = 0
      }
    }
    await output.write(printer.take())
    yield count
    if (total === max) return
  }
}
