/**
 * The language in which configuration keys are declared, for topics here and for the process in `server`: a key has a
 * type, a default, bounds or allowed values, a unit, when a change takes effect, and a text for people. Parsing,
 * messages, `--help`, generated pages and DescribeConfigs all come from the one declaration.
 *
 * Values travel as text, as in files, flags, metadata records and Kafka's protocol; `parseConfigValue` makes them typed.
 * A 64-bit value beyond 2^53 − 1 means "no limit" wherever Kafka allows one, and is held as `NO_LIMIT`.
 */

export type ConfigType =
  | 'boolean'
  | 'int'
  | 'long'
  | 'double'
  | 'string'
  | 'enum'
  | 'list'
  /** As `string`, but never shown. */
  | 'password'

export type ConfigUnit = 'ms' | 'hours' | 'minutes' | 'bytes' | 'ratio' | 'count'

/** When a changed value takes effect. `dynamic`: at once, by IncrementalAlterConfigs. `restart`: from the next start on. */
export type ConfigUpdate = 'dynamic' | 'restart'

/** What the elements of a list are to be together, where `values` can't say it. */
export interface ListForm {
  matches(elements: readonly string[]): boolean
  /** Why others are refused, as `ParsedConfig.reason`. */
  readonly reason: string
  /** In short, for generated pages. */
  readonly text: string
}

export interface ConfigKey<Value = unknown> {
  readonly type: ConfigType
  readonly default: Value
  /** One or two sentences for people; says so when a value is accepted without effect. */
  readonly text: string
  readonly update: ConfigUpdate
  readonly unit?: ConfigUnit
  readonly min?: number
  readonly max?: number
  /** Of an enum, or of each element of a list. */
  readonly values?: readonly string[]
  /** Of a list. */
  readonly form?: ListForm
  /** The empty text means "not set", which is null. */
  readonly nullable?: true
}

export type ConfigKeys = Readonly<Record<string, ConfigKey>>

/** The typed values of a table of keys. */
export type ConfigValues<Keys extends ConfigKeys> = {
  readonly [Name in keyof Keys]: Keys[Name] extends ConfigKey<infer Value> ? Value : never
}

/** 2^63 − 1 in text: Kafka's "no limit" for a long. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER
const LONG_MAX = 2n ** 63n - 1n
const INT_MAX = 2 ** 31 - 1

interface KeyOptions<Value> {
  readonly default: Value
  readonly text: string
  readonly update?: ConfigUpdate
}

interface NumberOptions<Value> extends KeyOptions<Value> {
  readonly unit?: ConfigUnit
  readonly min?: number
  readonly max?: number
}

export function booleanKey(options: KeyOptions<boolean>): ConfigKey<boolean> {
  return { type: 'boolean', update: 'restart', ...options }
}

/** Signed 32-bit integer. */
export function intKey(options: NumberOptions<number>): ConfigKey<number> {
  return { type: 'int', update: 'restart', ...options }
}

/** Signed 64-bit integer; see `NO_LIMIT`. */
export function longKey(options: NumberOptions<number>): ConfigKey<number> {
  return { type: 'long', update: 'restart', ...options }
}

export function doubleKey(options: NumberOptions<number>): ConfigKey<number> {
  return { type: 'double', update: 'restart', ...options }
}

/** A text that may be left unset. */
export function optionalStringKey(options: Omit<KeyOptions<null>, 'default'>): ConfigKey<string | null> {
  return { type: 'string', update: 'restart', default: null, nullable: true, ...options }
}

/** One of a few words. */
export function enumKey<const Word extends string>(
  options: KeyOptions<NoInfer<Word>> & { readonly values: readonly Word[] },
): ConfigKey<Word> {
  return { type: 'enum', update: 'restart', ...options }
}

/** Comma-separated; blanks around elements do not count. */
export function listKey<const Word extends string = string>(
  options: KeyOptions<readonly NoInfer<Word>[]> & {
    readonly values?: readonly Word[]
    readonly form?: ListForm
  },
): ConfigKey<readonly Word[]> {
  return { type: 'list', update: 'restart', ...options }
}

export function passwordKey(options: Omit<KeyOptions<null>, 'default'>): ConfigKey<string | null> {
  return { type: 'password', update: 'restart', default: null, nullable: true, ...options }
}

export type ParsedConfig<Value = unknown> =
  | { readonly ok: true; readonly value: Value }
  /** `reason` completes the sentence "Invalid value X for configuration NAME: …". */
  | { readonly ok: false; readonly reason: string }

export function parseConfigValue<Value>(key: ConfigKey<Value>, text: string): ParsedConfig<Value> {
  // The declaration's type parameter follows from `type`: the one place where that is taken on trust.
  return parseByType(key, text) as ParsedConfig<Value>
}

/** Kafka's text form of a value: the inverse of `parseConfigValue`. Null stands for "not set". */
export function formatConfigValue<Value>(key: ConfigKey<Value>, value: Value): string | null {
  if (value === null) return null
  if (Array.isArray(value)) return value.join(',')
  if (key.type === 'long' && value === NO_LIMIT) return LONG_MAX.toString()
  return String(value)
}

/** What may be given, for `--help` and generated pages: `long, ≥ 1, ms`, `one of commit, interval, os`. */
export function describeValidValues(key: ConfigKey): string {
  const { min, max, values, form } = key
  if (form !== undefined) return form.text
  if (values !== undefined) return `${key.type === 'list' ? 'any of' : 'one of'} ${values.join(', ')}`
  if (min !== undefined && max !== undefined) return `${min} … ${max}`
  if (min !== undefined) return `≥ ${min}`
  return max === undefined ? '' : `≤ ${max}`
}

function parseByType(key: ConfigKey, given: string): ParsedConfig {
  const text = given.trim()
  if (key.nullable && text === '') return { ok: true, value: null }
  switch (key.type) {
    case 'boolean':
      return parseBoolean(text)
    case 'int':
      return parseInteger(key, text, INT_MAX, 'INT')
    case 'long':
      return parseInteger(key, text, Infinity, 'LONG')
    case 'double':
      return parseDouble(key, text)
    case 'enum':
      return parseWord(key.values ?? [], text)
    case 'list':
      return parseList(key, text)
    case 'string':
      return { ok: true, value: text }
    case 'password':
      return { ok: true, value: given }
  }
}

function parseBoolean(text: string): ParsedConfig {
  const word = text.toLowerCase()
  if (word === 'true' || word === 'false') return { ok: true, value: word === 'true' }
  return { ok: false, reason: "Expected value to be either 'true' or 'false'" }
}

function parseInteger(key: ConfigKey, text: string, magnitudeMax: number, typeName: string): ParsedConfig {
  if (!/^[+-]?\d+$/.test(text)) return { ok: false, reason: `Not a number of type ${typeName}` }
  const exact = BigInt(text.startsWith('+') ? text.slice(1) : text)
  const value = Number(exact)
  const fits =
    exact >= -LONG_MAX - 1n && exact <= LONG_MAX && value >= -magnitudeMax - 1 && value <= magnitudeMax
  if (!fits) return { ok: false, reason: `Not a number of type ${typeName}` }
  return withinBounds(key, Math.max(-NO_LIMIT, Math.min(NO_LIMIT, value)))
}

function parseDouble(key: ConfigKey, text: string): ParsedConfig {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value)) return { ok: false, reason: 'Not a number of type DOUBLE' }
  return withinBounds(key, value)
}

function withinBounds(key: ConfigKey, value: number): ParsedConfig {
  if (key.min !== undefined && value < key.min)
    return { ok: false, reason: `Value must be at least ${key.min}` }
  if (key.max !== undefined && value > key.max) {
    return { ok: false, reason: `Value must be no more than ${key.max}` }
  }
  return { ok: true, value }
}

function parseWord(words: readonly string[], text: string): ParsedConfig {
  if (words.includes(text)) return { ok: true, value: text }
  return { ok: false, reason: `String must be one of: ${words.join(', ')}` }
}

function parseList({ values: words, form }: ConfigKey, text: string): ParsedConfig {
  const elements = text === '' ? [] : text.split(',').map((element) => element.trim())
  const stranger = words && elements.find((element) => !words.includes(element))
  if (stranger !== undefined) {
    return { ok: false, reason: `'${stranger}' is not one of: ${words!.join(', ')}` }
  }
  if (form !== undefined && !form.matches(elements)) return { ok: false, reason: form.reason }
  return { ok: true, value: elements }
}
