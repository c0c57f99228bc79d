/** Kafka's file of reassignments: `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}`. */
import { readFileSync } from 'node:fs'
import { CliError } from '../cli-error.ts'

export interface Reassignment {
  readonly topic: string
  readonly partition: number
  /** The preferred leader first. */
  readonly replicas: readonly number[]
}

const FORM =
  'It has the form of Kafka: {"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2,3]}]}.'

/** @throws CliError when it cannot be read, or says something else than which brokers are to have which partitions */
export function readReassignments(path: string): Reassignment[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(
      'FILE',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  return parseReassignments(text, path)
}

export function parseReassignments(text: string, path: string): Reassignment[] {
  const invalid = (what: string): CliError => new CliError('INVALID_FILE', `${path}: ${what}`, FORM)
  const plan = parsed(text, invalid)
  if (!isObject(plan) || plan.version !== 1) throw invalid('its version is not 1')
  if (!Array.isArray(plan.partitions) || plan.partitions.length === 0) throw invalid('it names no partitions')
  const seen = new Set<string>()
  return plan.partitions.map((entry: unknown, at) => {
    const place = `entry ${at + 1} of partitions`
    if (!isObject(entry)) throw invalid(`${place} is no object`)
    const { topic, partition, replicas, log_dirs: directories } = entry
    if (typeof topic !== 'string' || topic === '') throw invalid(`${place} has no topic`)
    if (!isNumber(partition)) throw invalid(`${place} has no partition`)
    if (!Array.isArray(replicas) || replicas.length === 0 || !replicas.every(isNumber)) {
      throw invalid(`${place} has no list of replicas`)
    }
    if (new Set(replicas).size < replicas.length) throw invalid(`${place} names a broker twice`)
    // A broker has one data folder, so that there is nothing to choose.
    if (Array.isArray(directories) && directories.some((directory) => directory !== 'any')) {
      throw invalid(`${place} wants a log directory other than "any"`)
    }
    const name = `${topic}-${partition}`
    if (seen.has(name)) throw invalid(`${name} is there twice`)
    seen.add(name)
    return { topic, partition, replicas }
  })
}

function parsed(text: string, invalid: (what: string) => CliError): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw invalid(`not JSON: ${error.message}`)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}
