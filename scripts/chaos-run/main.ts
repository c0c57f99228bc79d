/**
 * Breaks a cluster on purpose, and says what was lost.
 *
 *   scripts/chaos run [--target local|compose] [--minutes 1] [--seed N] [--faults kill,pause,partition]
 *                     [--replication-factor 3] [--partitions 3] [--history FILE]
 *   scripts/chaos check FILE        judges a history again
 *   scripts/chaos faults            what there is to choose from
 *
 * A run brings up three controllers and three brokers, and takes them down. Exit code: 0 nothing is wrong, 1 something
 * acknowledged was lost, doubled or reordered, 2 undecided, or arguments that make no sense.
 */
import { createReadStream, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { HistoryChecker, HistoryError, HistoryReader, VerdictCode, verdictOf } from '@millrace/checker'
import type { ChaosTarget } from './chaos-target.ts'
import { type FaultKind, FAULTS, isFaultKind } from './fault.ts'
import { runChaos } from './run.ts'

const DEFAULT_FAULTS = 'kill,stop,pause,partition,oneway,restart-all,rolling'
const SEED_LIMIT = 2 ** 31

class UsageError extends Error {}

process.exitCode = await main(process.argv.slice(2))

async function main([command, ...args]: string[]): Promise<number> {
  try {
    switch (command) {
      case 'run':
        return await run(args)
      case 'check':
        return await check(args)
      case 'faults':
        for (const [name, { about }] of Object.entries(FAULTS)) print(`${name.padEnd(12)} ${about}`)
        return 0
      case '--help':
      case 'help':
        print(usage())
        return 0
      default:
        throw new UsageError(
          command === undefined ? 'a command is missing' : `there is no command '${command}'`,
        )
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`scripts/chaos: ${error.message}. See scripts/chaos --help\n`)
    return VerdictCode.undecided
  }
}

async function run(args: readonly string[]): Promise<number> {
  const { values } = parse(args)
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * SEED_LIMIT) : integer('--seed', values.seed, 0)
  const durationMs = positive('--minutes', values.minutes) * 60_000
  const faults = faultsNamed(values.faults)
  const replicationFactor = integer('--replication-factor', values['replication-factor'], 1)
  const partitions = integer('--partitions', values.partitions, 1)
  const historyFile = values.history ?? join(mkdtempSync(join(tmpdir(), 'millrace-chaos-')), 'history.ndjson')
  const start = await targetNamed(values.target)
  print(`bringing up a cluster (${values.target})`)
  {
    await using target = await start()
    for (const kind of faults) {
      const reason = target.missing.get(kind)
      if (reason !== undefined) throw new UsageError(`--faults: ${kind} can't be done here: ${reason}`)
    }
    print(`${target.nodes.join(', ')} at ${target.bootstrap}`)
    await runChaos({ target, seed, durationMs, faults, replicationFactor, partitions, historyFile, print })
  }
  print(
    `\nhistory: ${historyFile}\nagain:   scripts/chaos run --target ${values.target} --seed ${seed} --minutes ${values.minutes} --faults ${values.faults}\n`,
  )
  return await judge(historyFile)
}

async function check(args: readonly string[]): Promise<number> {
  const [file, ...more] = args
  if (file === undefined || more.length > 0) throw new UsageError('check takes one history file')
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`)
  return await judge(file)
}

async function judge(file: string): Promise<number> {
  const checker = new HistoryChecker()
  const reader = new HistoryReader((line) => checker.add(line))
  try {
    for await (const chunk of createReadStream(file, 'utf8')) reader.push(chunk as string)
    reader.end()
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    throw new UsageError(`${file}: ${error.message}`)
  }
  const { code, text } = verdictOf(checker.finish())
  print(text)
  return code
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        target: { type: 'string', default: 'local' },
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string' },
        faults: { type: 'string', default: DEFAULT_FAULTS },
        'replication-factor': { type: 'string', default: '3' },
        partitions: { type: 'string', default: '3' },
        history: { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function targetNamed(name: string): Promise<() => Promise<ChaosTarget>> {
  switch (name) {
    case 'local':
      return (await import('./local-target.ts')).startLocal
    case 'compose':
      return (await import('./compose-target.ts')).startCompose
    default:
      throw new UsageError(`--target: there is no target '${name}', only local and compose`)
  }
}

function faultsNamed(names: string): FaultKind[] {
  return names.split(',').map((name) => {
    if (isFaultKind(name)) return name
    throw new UsageError(`--faults: there is no fault '${name}'; there are ${Object.keys(FAULTS).join(', ')}`)
  })
}

function integer(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${name}: '${text}' is no whole number from ${least} on`)
  return value
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value))
    throw new UsageError(`${name}: '${text}' is no positive number`)
  return value
}

function usage(): string {
  const [, comment = ''] = /^\/\*\*\n([\s\S]*?) \*\//.exec(readFileSync(import.meta.filename, 'utf8')) ?? []
  return comment.replaceAll(/^ \* ?/gm, '').trimEnd()
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
