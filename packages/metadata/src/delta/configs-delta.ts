/** Changes of run-time configuration between two images. */
import type { MetadataRecordOf } from '@millrace/protocol'
import { type ConfigEntries, ConfigResourceType, ConfigsImage, resourceKey } from '../image/configs-image.ts'

export class ConfigsDelta {
  readonly #base: ConfigsImage
  /** Configuration of the changed resources as it stands after what has been replayed so far, by resource key. */
  readonly #changed = new Map<string, Map<string, string>>()
  readonly #changedTopics = new Set<string>()
  readonly #changedBrokers = new Set<string>()

  constructor(base: ConfigsImage) {
    this.#base = base
  }

  get isEmpty(): boolean {
    return this.#changed.size === 0
  }

  /** Names of topics whose own configuration changed, deleted topics included. */
  get changedTopics(): ReadonlySet<string> {
    return this.#changedTopics
  }

  /** Ids of brokers in decimal; the empty name stands for all brokers. */
  get changedBrokers(): ReadonlySet<string> {
    return this.#changedBrokers
  }

  replayConfig(record: MetadataRecordOf<'ConfigRecord'>): void {
    const entries = this.#draft(record.resourceType, record.resourceName)
    if (record.value === null) entries.delete(record.name)
    else entries.set(record.name, record.value)
  }

  /** The configuration of a topic goes with it. */
  replayTopicRemoved(name: string): void {
    const key = resourceKey(ConfigResourceType.TOPIC, name)
    if (this.#changed.has(key) || this.#base.map().has(key))
      this.#draft(ConfigResourceType.TOPIC, name).clear()
  }

  apply(): ConfigsImage {
    if (this.isEmpty) return this.#base
    const editor = this.#base.map().edit()
    for (const [key, entries] of this.#changed) {
      if (entries.size === 0) editor.delete(key)
      // Copied: the delta may still be replayed into by whoever holds it.
      else editor.set(key, new Map(entries) satisfies ConfigEntries)
    }
    return new ConfigsImage(editor.done())
  }

  #draft(type: number, name: string): Map<string, string> {
    const key = resourceKey(type, name)
    const existing = this.#changed.get(key)
    if (existing !== undefined) return existing
    const entries = new Map(this.#base.forResource(type, name))
    this.#changed.set(key, entries)
    if (type === ConfigResourceType.TOPIC) this.#changedTopics.add(name)
    if (type === ConfigResourceType.BROKER) this.#changedBrokers.add(name)
    return entries
  }
}
