/**
 * One line of text to one `HistoryLine`, with everything checked that the types promise: what follows need not doubt it.
 * Whether lines fit together (unique values, rising `i`) is not decided here.
 */
import {
  HistoryError,
  type HistoryLine,
  type LineType,
  type Mode,
  type Mop,
  MOPS,
  type Operator,
} from './history-line.ts'

type Fields = Readonly<Record<string, unknown>>

const TYPES: ReadonlySet<unknown> = new Set<LineType>(['invoke', 'ok', 'fail', 'info'])
const MODE_VALUES: { readonly [Key in keyof Mode]: readonly Mode[Key][] } = {
  assignment: ['assign', 'subscribe'],
  isolation: ['read_committed', 'read_uncommitted'],
  idempotent: [true, false],
}
const SEEN_OFFSETS: ReadonlySet<string> = new Set(['epoch', 'logStart', 'highWatermark', 'lastStable'])

/**
 * @param lineNumber from 1, for the message of an error
 * @throws HistoryError naming the line, the field and what was expected there
 */
export function parseHistoryLine(text: string, lineNumber: number): HistoryLine {
  const line = parseJson(text, lineNumber)
  const problem = problemOf(line)
  if (problem !== null) throw new HistoryError(`line ${lineNumber}: ${problem}`)
  return line as HistoryLine
}

function parseJson(text: string, lineNumber: number): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // JSON.parse throws nothing but SyntaxError.
    const cut = text.length > 60 ? `${text.slice(0, 60)}…` : text
    throw new HistoryError(`line ${lineNumber}: not JSON, perhaps cut short: ${cut}`, { cause: error })
  }
}

function problemOf(line: unknown): string | null {
  if (!isObject(line)) return `an object expected, not ${shown(line)}`
  if (!isCount(line['i'])) return `i: a whole number from 0 expected, not ${shown(line['i'])}`
  if (!isValue(line['proc'])) return `proc: a number or a name expected, not ${shown(line['proc'])}`
  if (typeof line['f'] !== 'string' || !Object.hasOwn(MOPS, line['f']))
    return `f: one of ${Object.keys(MOPS).join(', ')} expected, not ${shown(line['f'])}`
  if (!TYPES.has(line['type']))
    return `type: one of ${[...TYPES].join(', ')} expected, not ${shown(line['type'])}`
  if (!isTime(line['t'])) return `t: milliseconds from 0 expected, not ${shown(line['t'])}`
  return mopsProblem(line['mops'], line['f'] as Operator) ?? optionalProblem(line)
}

function optionalProblem({ reb, gen, err }: Fields): string | null {
  if (reb !== undefined && !isStrings(reb)) return `reb: a list of keys expected, not ${shown(reb)}`
  if (gen !== undefined && !Number.isSafeInteger(gen))
    return `gen: a whole number expected, not ${shown(gen)}`
  if (err !== undefined && typeof err !== 'string') return `err: a text expected, not ${shown(err)}`
  return null
}

function mopsProblem(mops: unknown, operator: Operator): string | null {
  if (!Array.isArray(mops)) return `mops: a list expected, not ${shown(mops)}`
  for (let at = 0; at < mops.length; at += 1) {
    const problem = mopProblem(mops[at], operator)
    if (problem !== null) return `mops[${at}]: ${problem}`
  }
  return null
}

function mopProblem(mop: unknown, operator: Operator): string | null {
  if (!Array.isArray(mop)) return `a list expected, not ${shown(mop)}`
  const allowed = MOPS[operator]
  const code = mop[0] as Mop[0]
  if (!allowed.includes(code)) {
    const expected = allowed.length === 0 ? 'nothing' : allowed.map((name) => `'${name}'`).join(' or ')
    return `${expected} expected in ${operator}, not ${shown(code)}`
  }
  return contentProblem(code, mop)
}

function contentProblem(code: Mop[0], mop: readonly unknown[]): string | null {
  switch (code) {
    case 's':
      return sendProblem(mop)
    case 'p':
      return pollProblem(mop[1])
    case 'a':
      return isStrings(mop[1]) ? null : `a list of names expected, not ${shown(mop[1])}`
    case 'e':
      return keyProblem(mop[1]) ?? (isCount(mop[2]) ? null : `an end offset expected, not ${shown(mop[2])}`)
    case 'w':
      return keyProblem(mop[1]) ?? seenProblem(mop[2])
    case 'c':
      return groupProblem(mop) ?? (isCount(mop[3]) ? null : `an offset expected, not ${shown(mop[3])}`)
    case 'g':
      return groupProblem(mop) ?? offsetProblem(mop[3])
    case '+':
    case '-':
      return groupProblem(mop)
    case 'n':
      if (typeof mop[1] !== 'string') return `the name of a fault expected, not ${shown(mop[1])}`
      return mop[2] === null || typeof mop[2] === 'string' ? null : `a target or null expected`
    case 'm':
      return modeProblem(mop[1])
  }
}

function sendProblem(mop: readonly unknown[]): string | null {
  const problem = keyProblem(mop[1]) ?? offsetProblem(mop[2])
  if (problem !== null) return problem
  return isValue(mop[3]) ? null : `a value (number or text) expected, not ${shown(mop[3])}`
}

function pollProblem(polled: unknown): string | null {
  if (!isObject(polled)) return `records per key expected, not ${shown(polled)}`
  for (const key in polled) {
    const records = polled[key]
    if (!Array.isArray(records)) return `${key}: a list of records expected, not ${shown(records)}`
    for (const record of records as unknown[])
      if (!Array.isArray(record) || !isCount(record[0]) || !isValue(record[1]))
        return `${key}: [offset, value] expected, not ${shown(record)}`
  }
  return null
}

function seenProblem(seen: unknown): string | null {
  if (!isObject(seen)) return `offsets expected, not ${shown(seen)}`
  for (const [name, value] of Object.entries(seen)) {
    if (!SEEN_OFFSETS.has(name)) return `one of ${[...SEEN_OFFSETS].join(', ')} expected, not ${shown(name)}`
    if (!isCount(value)) return `${name}: a whole number from 0 expected, not ${shown(value)}`
  }
  return null
}

function modeProblem(mode: unknown): string | null {
  if (!isObject(mode)) return `a mode expected, not ${shown(mode)}`
  for (const [name, value] of Object.entries(mode)) {
    if (!Object.hasOwn(MODE_VALUES, name))
      return `one of ${Object.keys(MODE_VALUES).join(', ')} expected, not ${shown(name)}`
    const values: readonly unknown[] = MODE_VALUES[name as keyof Mode]
    if (!values.includes(value)) return `${name}: one of ${values.join(', ')} expected, not ${shown(value)}`
  }
  return null
}

function groupProblem(mop: readonly unknown[]): string | null {
  return typeof mop[1] === 'string' ? keyProblem(mop[2]) : `a group expected, not ${shown(mop[1])}`
}

function keyProblem(key: unknown): string | null {
  return typeof key === 'string' ? null : `a key (topic-partition) expected, not ${shown(key)}`
}

function offsetProblem(offset: unknown): string | null {
  return offset === null || isCount(offset) ? null : `an offset or null expected, not ${shown(offset)}`
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isValue(value: unknown): boolean {
  return typeof value === 'string' || Number.isSafeInteger(value)
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
