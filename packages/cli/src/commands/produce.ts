import { createReadStream } from 'node:fs'
import { CliError, usageError } from '../cli-error.ts'
import { defineCommand } from '../command.ts'
import { addConnectionOptions, integer, keyValue } from '../options.ts'
import { addProducerOptions, type ProducerCommandOptions } from '../producer-session.ts'
import { lines } from '../records/line-reader.ts'
import { type LineRecord, lineParser } from '../records/record-line.ts'
import { formatBytes, formatCount, plural } from '../units.ts'

interface Options extends ProducerCommandOptions {
  readonly file?: string
  readonly keySeparator?: string
  readonly json?: true
  readonly headers?: ReadonlyMap<string, string>
  readonly null?: string
  readonly partition?: number
}

/** Fewer tell how quick connecting was, not producing. */
const RATE_RECORDS_MIN = 1000
/** Longer than any record a broker takes by default. */
const LINE_BYTES_MAX = 128 * 1024 * 1024

export default defineCommand<Options>({
  examples: [
    "printf 'ada:42\\nbob:17\\n' | millrace produce scores --key-separator :",
    'millrace produce flights --file flights.ndjson --json --compression zstd',
  ],

  interruptible: true,

  configure(command) {
    command
      .argument('<topic>', 'where the records go')
      .option('--file <path>', 'read lines from this file (default: standard input)')
      .option('--key-separator <text>', 'each line is KEY, this text, VALUE (default: the line is the value)')
      .option(
        '--json',
        'each line is an object with value, key, headers, partition, timestamp, as consume prints it',
      )
      .option('--headers <key=value>', 'header of every record; several times', keyValue)
      .option('--null <text>', 'this text, as key or value, stands for null')
      .option('--partition <number>', 'send everything to this partition', integer(0, 0x7fffffff))
    addProducerOptions(command)
    addConnectionOptions(command)
  },

  async run({ args: [topic = ''], options, output, signal }) {
    if (options.json === true && options.keySeparator !== undefined) {
      throw usageError(
        '--json and --key-separator exclude each other',
        'With --json the key stands in the object.',
      )
    }
    if (options.keySeparator === '') throw usageError('--key-separator must not be empty')
    if (options.file === undefined && process.stdin.isTTY) {
      output.note('type one record a line; Ctrl-D ends')
    }
    const { withProducer } = await import('../producer-session.ts')
    const input = new RecordInput(options)
    const startedMs = performance.now()
    const result = await withProducer(options, (producer) =>
      producer.sendMany(topic, input.records(), { signal }),
    )
    const elapsedMs = performance.now() - startedMs
    const partitions = Map.groupBy(result.ranges, ({ partition }) => partition)
    output.result(
      {
        topic,
        records: result.recordCount,
        bytes: input.bytes,
        partitions: [...partitions.keys()].toSorted((a, b) => a - b),
        elapsedMs,
      },
      () => {
        const rate = `${formatCount(result.recordCount / (elapsedMs / 1000))} records/s`
        const where = `${topic} (${plural(partitions.size, 'partition')})`
        return `produced ${plural(result.recordCount, 'record')}, ${formatBytes(input.bytes)}, to ${where}${result.recordCount < RATE_RECORDS_MIN ? '' : `, ${rate}`}`
      },
    )
  },
})

class RecordInput {
  readonly #options: Options
  /** Of the lines so far. */
  bytes = 0

  constructor(options: Options) {
    this.#options = options
  }

  async *records(): AsyncGenerator<LineRecord> {
    const {
      file,
      keySeparator = null,
      json = false,
      null: nullText = null,
      headers,
      partition,
    } = this.#options
    const parse = lineParser({ keySeparator, json, nullText })
    const shared = {
      ...(headers === undefined ? {} : { headers: [...headers] }),
      ...(partition === undefined ? {} : { partition }),
    }
    let lineNumber = 0
    try {
      const stream: AsyncIterable<Buffer> = file === undefined ? process.stdin : createReadStream(file)
      for await (const group of lines(stream, LINE_BYTES_MAX)) {
        for (const line of group) {
          lineNumber += 1
          this.bytes += line.length
          yield { ...parse(line, lineNumber), ...shared }
        }
      }
    } catch (error) {
      throw readableError(error, file, lineNumber)
    }
  }
}

function readableError(error: unknown, file: string | undefined, lineNumber: number): unknown {
  if (error instanceof RangeError) return new CliError('BAD_LINE', `line ${lineNumber + 1}: ${error.message}`)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new CliError('NO_SUCH_FILE', `${file} does not exist`)
  if (code === 'EISDIR') return new CliError('NOT_A_FILE', `${file} is a folder`)
  if (code === 'EACCES') return new CliError('NOT_READABLE', `${file} may not be read by this user`)
  return error
}
