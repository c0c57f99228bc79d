/** Configuration that was set at run time, as text, by resource, at one offset of the metadata log. */
import type { NodeId } from '@millrace/base'
import { PersistentMap } from './persistent-map.ts'

/** Numbers as in Kafka's protocol. */
export const ConfigResourceType = { TOPIC: 2, BROKER: 4 } as const
export type ConfigResourceType = (typeof ConfigResourceType)[keyof typeof ConfigResourceType]

/** Resource name of the configuration that holds for all brokers. */
export const ALL_BROKERS = ''

/** Values by key, as they were set. */
export type ConfigEntries = ReadonlyMap<string, string>
const NO_ENTRIES: ConfigEntries = new Map()

export class ConfigsImage {
  static readonly EMPTY = new ConfigsImage(PersistentMap.empty())

  readonly #byResource: PersistentMap<ConfigEntries>

  constructor(byResource: PersistentMap<ConfigEntries>) {
    this.#byResource = byResource
  }

  forTopic(name: string): ConfigEntries {
    return this.forResource(ConfigResourceType.TOPIC, name)
  }

  forBroker(id: NodeId): ConfigEntries {
    return this.forResource(ConfigResourceType.BROKER, String(id))
  }

  forAllBrokers(): ConfigEntries {
    return this.forResource(ConfigResourceType.BROKER, ALL_BROKERS)
  }

  forResource(type: number, name: string): ConfigEntries {
    return this.#byResource.get(resourceKey(type, name)) ?? NO_ENTRIES
  }

  *resources(): IterableIterator<{ type: number; name: string; entries: ConfigEntries }> {
    for (const [key, entries] of this.#byResource.entries()) {
      const colon = key.indexOf(':')
      yield { type: Number(key.slice(0, colon)), name: key.slice(colon + 1), entries }
    }
  }

  /** For the delta, which replays into it. */
  map(): PersistentMap<ConfigEntries> {
    return this.#byResource
  }
}

export function resourceKey(type: number, name: string): string {
  return `${type}:${name}`
}
