/**
 * A set of declared keys: which names exist, what an unknown one probably meant, and the typed values of a whole
 * configuration. Names keep the order of their declaration, which is the order of generated pages.
 */
import { assert } from '@millrace/base'
import { type ConfigKey, type ConfigKeys, type ConfigValues, parseConfigValue } from './config-key.ts'
import { nearestName } from './nearest-name.ts'

export class ConfigTable<Keys extends ConfigKeys = ConfigKeys> {
  readonly #keys: ReadonlyMap<string, ConfigKey>

  constructor(keys: Keys) {
    this.#keys = new Map(Object.entries(keys))
  }

  get names(): readonly string[] {
    return [...this.#keys.keys()]
  }

  key(name: string): ConfigKey | undefined {
    return this.#keys.get(name)
  }

  entries(): IterableIterator<[string, ConfigKey]> {
    return this.#keys.entries()
  }

  /** @returns why this entry is refused, as a sentence for the person who wrote it; null when it is valid */
  invalidEntry(name: string, text: string): string | null {
    const key = this.#keys.get(name)
    if (key === undefined) return `Unknown configuration ${name}.${this.suggestion(name)}`
    const parsed = parseConfigValue(key, text)
    if (parsed.ok) return null
    const shown = key.type === 'password' ? '' : ` ${text}`
    return `Invalid value${shown} for configuration ${name}: ${parsed.reason}`
  }

  /** ` Did you mean X?`, or nothing when no name is near. */
  suggestion(name: string): string {
    const nearest = nearestName(name, this.#keys.keys())
    return nearest === null ? '' : ` Did you mean ${nearest}?`
  }

  /**
   * The typed values of a configuration: from each source in turn, else the default.
   * @param sources text by name, most specific first; every entry of a known name has passed `invalidEntry`
   */
  resolve(...sources: readonly ReadonlyMap<string, string>[]): ConfigValues<Keys> {
    const values: Record<string, unknown> = {}
    for (const [name, key] of this.#keys) {
      const text = sources.find((source) => source.has(name))?.get(name)
      values[name] = text === undefined ? key.default : valid(name, key, text)
    }
    return values as ConfigValues<Keys>
  }
}

function valid(name: string, key: ConfigKey, text: string): unknown {
  const parsed = parseConfigValue(key, text)
  assert(parsed.ok, `configuration ${name} was stored with an invalid value`)
  return parsed.value
}
