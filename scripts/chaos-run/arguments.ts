/** What was asked for on the command line; everything that makes no sense is a `UsageError`. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { type FaultKind, FAULTS, isFaultKind } from './fault.ts'

export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const TARGETS = ['local', 'compose'] as const
export type TargetName = (typeof TARGETS)[number]

export interface RunArguments {
  readonly target: TargetName
  readonly minutes: number
  /** Null: a new one. */
  readonly seed: number | null
  readonly faults: readonly FaultKind[]
  /** Whether somebody named them. */
  readonly areFaultsChosen: boolean
  readonly replicationFactor: number
  readonly topics: number
  readonly partitions: number
  readonly idempotent: boolean
  readonly withKcat: boolean
  /** Null: a new one in the folder for temporary files. */
  readonly history: string | null
}

/** What needs nothing but a user, and loses nothing where records have several replicas. */
const DEFAULT_FAULTS = 'kill,stop,pause,partition,oneway,slow,restart-all,rolling'
const ALL_FAULTS = Object.keys(FAULTS).join(',')
const PORTS_MAX = 1000

export function runArguments(args: readonly string[]): RunArguments {
  const values = parse(args, {
    target: { type: 'string', default: 'local' },
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    'replication-factor': { type: 'string', default: '3' },
    topics: { type: 'string', default: '1' },
    partitions: { type: 'string', default: '3' },
    'plain-producers': { type: 'boolean', default: false },
    kcat: { type: 'boolean', default: false },
    history: { type: 'string' },
  })
  const faults = faultsNamed(values.faults ?? DEFAULT_FAULTS)
  const replicationFactor = integer('--replication-factor', values['replication-factor'], 1, 3)
  if (replicationFactor === 1 && faults.includes('wipe'))
    throw new UsageError('--faults: wipe loses records that have no other replica: --replication-factor 3')
  return {
    target: targetNamed(values.target),
    minutes: positive('--minutes', values.minutes),
    seed: values.seed === undefined ? null : integer('--seed', values.seed, 0, 2 ** 32 - 1),
    faults,
    areFaultsChosen: values.faults !== undefined,
    replicationFactor,
    topics: integer('--topics', values.topics, 1, PORTS_MAX),
    partitions: integer('--partitions', values.partitions, 1, PORTS_MAX),
    idempotent: !values['plain-producers'],
    withKcat: values.kcat,
    history: values.history ?? null,
  }
}

export function upArguments(args: readonly string[]): { readonly target: TargetName } {
  const { target } = parse(args, { target: { type: 'string', default: 'local' } })
  return { target: targetNamed(target) }
}

function parse<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    // parseArgs throws nothing but errors that say what is wrong with an argument, and how they are written.
    throw new UsageError((error as Error).message.split('. ')[0]!, { cause: error })
  }
}

function targetNamed(name: string): TargetName {
  const found = TARGETS.find((target) => target === name)
  if (found === undefined)
    throw new UsageError(`--target: there is no '${name}', only ${TARGETS.join(' and ')}`)
  return found
}

function faultsNamed(names: string): FaultKind[] {
  if (names === 'none') return []
  const chosen = (names === 'all' ? ALL_FAULTS : names).split(',').map((name) => {
    if (isFaultKind(name)) return name
    throw new UsageError(`--faults: there is no fault '${name}'; there are none, all, ${ALL_FAULTS}`)
  })
  return [...new Set(chosen)]
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least || value > most)
    throw new UsageError(`${name}: '${text}' is no whole number from ${least} to ${most}`)
  return value
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value))
    throw new UsageError(`${name}: '${text}' is no positive number`)
  return value
}
