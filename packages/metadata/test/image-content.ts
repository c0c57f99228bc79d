/** What an image holds, for comparison. */
import type { MetadataImage } from '../src/image/metadata-image.ts'

/** Everything in an image, in an order that does not depend on its history. */
export function contentOf(image: MetadataImage): unknown {
  const byKey = (a: readonly unknown[], b: readonly unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1)
  return {
    position: image.position,
    nextProducerId: image.nextProducerId,
    features: [...image.features].toSorted(byKey),
    brokers: [...image.brokers].toSorted(byKey),
    topics: [...image.topics.values()].map((topic) => [topic.name, topic]).toSorted(byKey),
    configs: [...image.configs.resources()]
      .map(({ type, name, entries }) => [`${type}:${name}`, [...entries].toSorted(byKey)])
      .toSorted(byKey),
  }
}
