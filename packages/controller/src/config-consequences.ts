/**
 * What a change of configuration changes of partitions at once: who is eligible depends on `min.insync.replicas`
 * (KIP-966), and where `unclean.leader.election.enable` becomes true, partitions without a leader may get one.
 *
 * Eligible replicas go with the same append as a smaller minimum: the high watermark may rise again as soon as leaders
 * know of it, and then they no longer hold all that is acknowledged.
 */
import {
  ConfigResourceType,
  MetadataDelta,
  type MetadataImage,
  type MetadataRecord,
} from '@millrace/metadata'
import type { DecidedChanges, DecisionContext } from './decision.ts'
import { PartitionChanges } from './partition-changes.ts'

const CONSEQUENTIAL: ReadonlySet<string> = new Set(['min.insync.replicas', 'unclean.leader.election.enable'])
const NOTHING = { records: [], uncleanElections: [] } as const

/** @param configRecords decided, and first in the decision */
export function changesForConfig(
  configRecords: readonly MetadataRecord[],
  context: DecisionContext,
): Required<DecidedChanges> {
  const topics = new Set<string>()
  let isForAll = false
  for (const record of configRecords) {
    if (record.type !== 'ConfigRecord' || !CONSEQUENTIAL.has(record.name)) continue
    if (record.resourceType === ConfigResourceType.TOPIC) topics.add(record.resourceName)
    else isForAll = true
  }
  if (!isForAll && topics.size === 0) return NOTHING
  const { position } = context.image
  const image = new MetadataDelta(context.image).replayAll(configRecords).apply(position)
  const changes = new PartitionChanges({ ...context, image })
  for (const topic of isForAll ? image.topics.values() : named(image, topics)) {
    for (const [partitionId, partition] of topic.partitions.entries()) {
      changes.change({ topic, partitionId, partition }, {})
    }
  }
  const { records, uncleanElections } = changes
  return { records, uncleanElections }
}

function* named({ topics }: MetadataImage, names: ReadonlySet<string>) {
  for (const name of names) {
    const topic = topics.byName(name)
    if (topic !== undefined) yield topic
  }
}
