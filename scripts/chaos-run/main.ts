/**
 * Breaks a cluster on purpose, and says what was lost.
 *
 *   scripts/chaos run [--target local|compose] [--minutes 1] [--seed N] [--faults kill,pause,…|all|none]
 *                     [--replication-factor 3] [--topics 1] [--partitions 3] [--history FILE]
 *                     [--kcat] a Kafka client writes, too      [--plain-producers] without idempotence
 *   scripts/chaos check FILE          judges a history again
 *   scripts/chaos faults              what there is to choose from
 *   scripts/chaos up [--target …]     a cluster for faults by hand, until Ctrl-C or: scripts/chaos down
 *
 * By hand, to a cluster that `up` or `run` has brought up in another terminal:
 *
 * HAND COMMANDS
 *
 * A run brings up three controllers and three brokers, and takes them down. Exit code: 0 nothing is wrong, 1 something
 * acknowledged was lost, doubled or reordered, or a node ended by itself, 2 undecided, or arguments that make no sense,
 * 3 there is nothing here to bring up a cluster with.
 */
import { createReadStream, createWriteStream, existsSync, mkdtempSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HistoryChecker, HistoryError, HistoryReader, VerdictCode, verdictOf } from '@millrace/checker'
import { asksForHelp, headerOf } from '../../test/rig/script-arguments.ts'
import { findTool } from '../../test/rig/tool.ts'
import { runArguments, type RunArguments, type TargetName, upArguments, UsageError } from './arguments.ts'
import type { ChaosTarget } from './chaos-target.ts'
import { command } from './control-socket.ts'
import { type FaultKind, FAULTS } from './fault.ts'
import { HAND_COMMANDS, HandError, isHandCommand, requireArguments } from './hand.ts'
import { View } from './view.ts'

const SEED_LIMIT = 2 ** 31
/** What a shell says of a program that Ctrl-C ended. */
const INTERRUPTED = 130
const NOT_TESTED = 3

/** What a target needs is missing on this machine. */
class TargetMissing extends Error {
  override readonly name = 'TargetMissing'
}

const view = new View()

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  try {
    if (name === undefined) throw new UsageError('a command is missing')
    if (name === 'help' || asksForHelp([name, ...args])) return list([[usage()]])
    if (name === 'run') return await run(runArguments(args))
    if (name === 'check') return await check(args)
    if (name === 'up') return await up(args)
    if (isHandCommand(name) || name === 'down') return await byHand(name, args)
    if (name === 'faults') return list(Object.entries(FAULTS).map(([kind, { about }]) => [kind, about]))
    throw new UsageError(`there is no command '${name}'`)
  } catch (error) {
    if (error instanceof TargetMissing) {
      process.stderr.write(`NOT TESTED: scripts/chaos: ${error.message}\n`)
      return NOT_TESTED
    }
    if (!(error instanceof UsageError || error instanceof HandError)) throw error
    process.stderr.write(`scripts/chaos: ${error.message}. See scripts/chaos --help\n`)
    return VerdictCode.undecided
  }
}

async function run(options: RunArguments): Promise<number> {
  const seed = options.seed ?? Math.floor(Math.random() * SEED_LIMIT)
  const historyFile =
    options.history ?? join(mkdtempSync(join(tmpdir(), 'millrace-chaos-')), 'history.ndjson')
  await requireWritable(historyFile)
  const kcat = options.withKcat ? findTool('kcat', 'kcat') : null
  const signal = interruption()
  // Clients take a second to load, which a wrong argument should not wait for.
  const { runChaos } = await import('./run.ts')
  let crashes: readonly string[]
  {
    await using target = await bringUp(options.target, options.faults)
    const faults = possibleFaults(target, options)
    view.say(`${target.nodes.join(', ')} at ${target.bootstrap}`)
    const durationMs = options.minutes * 60_000
    const how = { ...options, faults, target, seed, durationMs, kcat, historyFile, view, signal }
    const summary = await runChaos(how)
    crashes = summary.crashes
  }
  view.say(`\nhistory: ${historyFile}\nagain:   ${again(options, seed)}\n`)
  const code = await judge(historyFile)
  for (const crash of crashes) view.say(`WRONG: ${crash}`)
  return crashes.length > 0 ? VerdictCode.wrong : code
}

async function up(args: readonly string[]): Promise<number> {
  const { target: name } = upArguments(args)
  const signal = interruption()
  const { holdUp } = await import('./up.ts')
  await using target = await bringUp(name, Object.keys(FAULTS) as FaultKind[])
  return (await holdUp(target, view, signal)) ? 0 : VerdictCode.undecided
}

async function byHand(name: string, args: readonly string[]): Promise<number> {
  if (isHandCommand(name)) requireArguments(name, args)
  else if (args.length > 0) throw new HandError(`${name} takes nothing, not '${args.join(' ')}'`)
  const answer = await command([name, ...args])
  if (answer === null) throw new UsageError('nothing is up: scripts/chaos up, or run, in another terminal')
  if (!answer.ok) throw new HandError(answer.text)
  view.say(answer.text)
  return 0
}

async function check([file, ...more]: readonly string[]): Promise<number> {
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
    throw new UsageError(`${file}: ${error.message}`, { cause: error })
  }
  const { code, text } = verdictOf(checker.finish())
  view.say(text)
  return code
}

async function bringUp(name: TargetName, faults: readonly FaultKind[]): Promise<ChaosTarget> {
  view.say(`bringing up a cluster (${name})`)
  if (name === 'local') return await (await import('./local-target.ts')).startLocal(faults)
  const compose = await (await import('./compose-target.ts')).startCompose()
  if (typeof compose === 'string') throw new TargetMissing(`--target compose: ${compose}`)
  return compose
}

/** What the cluster can't suffer from here is said before anything is broken; who has named it wants nothing else. */
function possibleFaults(target: ChaosTarget, { faults, areFaultsChosen }: RunArguments): FaultKind[] {
  return faults.filter((kind) => {
    const reason = target.missing.get(kind)
    if (reason === undefined) return true
    if (areFaultsChosen) throw new UsageError(`--faults: ${kind} can't be done here: ${reason}`)
    view.say(`NOT TESTED: ${kind}: ${reason}`)
    return false
  })
}

async function requireWritable(file: string): Promise<void> {
  const stream = createWriteStream(file)
  try {
    await once(stream, 'open')
    stream.end()
  } catch (error) {
    throw new UsageError(`--history: ${(error as Error).message}`, { cause: error })
  }
}

/** The first Ctrl-C ends what goes on in good order, the second one at once. */
function interruption(): AbortSignal {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (abort.signal.aborted) process.exit(INTERRUPTED)
      view.say(`${signal}: ending; what was acknowledged until now is judged`)
      abort.abort()
    })
  return abort.signal
}

/** The command of the same run. */
function again(options: RunArguments, seed: number): string {
  const { target, minutes, faults, replicationFactor, topics, partitions, withKcat, idempotent } = options
  const words = [
    `scripts/chaos run --target ${target} --seed ${seed} --minutes ${minutes}`,
    `--faults ${faults.join(',') || 'none'} --replication-factor ${replicationFactor}`,
    `--topics ${topics} --partitions ${partitions}`,
  ]
  if (withKcat) words.push('--kcat')
  if (!idempotent) words.push('--plain-producers')
  return words.join(' ')
}

function list(rows: readonly (readonly string[])[]): number {
  for (const [first = '', ...rest] of rows) view.say([first.padEnd(12), ...rest].join(' ').trimEnd())
  return 0
}

function usage(): string {
  const hand = Object.entries(HAND_COMMANDS).map(
    ([name, { takes, about }]) => `  scripts/chaos ${[name, ...takes].join(' ').padEnd(24)} ${about}`,
  )
  return headerOf(import.meta.filename).replace('HAND COMMANDS', hand.join('\n'))
}
