/** Options that several commands share, and parsers of option values. */
import { type Command, InvalidArgumentError, Option } from 'commander'

const DEFAULT_BOOTSTRAP = '127.0.0.1:9092'

export interface ConnectionOptions {
  readonly bootstrap: string
  readonly wire: 'auto' | 'native' | 'kafka'
  /** Milliseconds for each call with its retries. */
  readonly timeout: number
}

export function addConnectionOptions(command: Command): Command {
  return command
    .optionsGroup('Connection:')
    .addOption(
      new Option('--bootstrap <host:port,…>', 'brokers to ask first')
        .env('MILLRACE_BOOTSTRAP')
        .default(DEFAULT_BOOTSTRAP),
    )
    .addOption(
      new Option('--wire <wire>', "auto: native with Millrace, Kafka's with other brokers")
        .choices(['auto', 'native', 'kafka'])
        .env('MILLRACE_WIRE')
        .default('auto'),
    )
    .option('--timeout <ms>', 'how long to try before giving up', integer(1, 0x7fffffff), 30_000)
}

/** A parser of whole numbers within bounds. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
      throw new InvalidArgumentError(`Give a whole number ${bounds}.`)
    }
    return value
  }
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** `10MB`, `512KiB`, `1000000`, each with `/s` or without: bytes a second, at least 1. */
export function byteRate(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)(?:\/s)?$/i.exec(text.trim()) ?? []
  const bytes = Math.round(Number(number) * (BYTE_UNITS[unit.toLowerCase()] ?? Number.NaN))
  if (number === '' || !Number.isSafeInteger(bytes) || bytes < 1)
    throw new InvalidArgumentError('Give bytes a second, such as 10MB, 512KiB or 1000000.')
  return bytes
}

/** Collects `--option KEY=VALUE` given several times. */
export function keyValue(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('Give KEY=VALUE.')
  return new Map(before).set(text.slice(0, at), text.slice(at + 1))
}

/** Collects an option given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** `0,2,5-7` as numbers. */
export function partitionList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part)
    const first = Number(range?.[1])
    const last = Number(range?.[2] ?? first)
    if (range === null || last < first || last - first > 100_000) {
      throw new InvalidArgumentError('Give partitions as 0,2,5-7.')
    }
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
