/**
 * What must hold for the metadata itself (RELIABILITY.md §2.3, 4 and the controller's part): every replica has the same
 * image at the same offset, and no image contradicts itself or the one before it.
 *
 * Owns: fingerprints by offset, the epochs of every partition. Must not know: how records come to be committed.
 * Invariants: records are fingerprinted once on each replica; images as a whole when a replica starts, at every
 * `DIGEST_EVERY`-th update, and at the end; the rules are checked once for each offset that is the first of its kind.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import type { MetadataImage, MetadataRecord, PartitionImage, TopicImage } from '@millrace/metadata'
import type { MetadataUpdate } from '@millrace/metadata-log'
import { chainRecords, digestImage } from './image-digest.ts'

export interface ImageChecksOptions {
  /** Told of all committed records, some of them more than once. */
  onCommitted(records: readonly MetadataRecord[]): void
  violate(invariant: string, details: string): void
}

/** How one replica, in one life, has come to its image. */
export interface ImageReader {
  readonly node: number
  endOffset: number
  /** Null: unknown since it began with a snapshot. */
  chain: number | null
  updates: number
}

interface PartitionEpochs {
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly leader: NodeId
}

const DIGEST_EVERY = 64
const CHAIN_START = 0x2545f491

export class ImageChecks {
  readonly #options: ImageChecksOptions
  readonly #chains = new Map<number, number>([[0, CHAIN_START]])
  readonly #digests = new Map<number, { readonly digest: number; readonly node: number }>()
  readonly #epochs = new Map<string, PartitionEpochs>()
  #rulesEnd = 0
  /** The latest image that anybody made known. */
  #latest: MetadataImage | null = null

  constructor(options: ImageChecksOptions) {
    this.#options = options
  }

  get latest(): MetadataImage | null {
    return this.#latest
  }

  /** A replica begins with what it found on its disk. */
  onOpen(node: number, image: MetadataImage): ImageReader {
    const endOffset = image.position.lastOffset + 1
    if (endOffset > 0) this.#checkDigest(node, image)
    return { node, endOffset, chain: this.#chains.get(endOffset) ?? null, updates: 0 }
  }

  /** @param isWhole false where a snapshot took the place of records: they are not those of the log */
  onUpdate(reader: ImageReader, { image, records, endOffset }: MetadataUpdate, isWhole: boolean): void {
    const { node } = reader
    if (endOffset <= reader.endOffset) {
      this.#violate('commit-order', node, `publishes offset ${endOffset} after ${reader.endOffset}`)
    }
    reader.endOffset = endOffset
    reader.updates += 1
    const known = this.#chains.get(endOffset)
    if (isWhole && reader.chain !== null) {
      const chain = chainRecords(reader.chain, records)
      reader.chain = chain
      if (known === undefined) this.#chains.set(endOffset, chain)
      else if (known !== chain)
        this.#violate('same-records', node, `applied other records below ${endOffset}`)
    } else reader.chain = known ?? null
    if (!isWhole || reader.updates % DIGEST_EVERY === 0) this.#checkDigest(node, image)
    if (endOffset > this.#rulesEnd) {
      this.#rulesEnd = endOffset
      this.#latest = image
      this.#options.onCommitted(records)
      this.#checkRules(node, image)
    }
  }

  /** At the end. */
  checkDigest(node: number, image: MetadataImage): void {
    this.#checkDigest(node, image)
  }

  #checkDigest(node: number, image: MetadataImage): void {
    const endOffset = image.position.lastOffset + 1
    const digest = digestImage(image)
    const known = this.#digests.get(endOffset)
    if (known === undefined) this.#digests.set(endOffset, { digest, node })
    else if (known.digest !== digest) {
      this.#violate('same-image', node, `has another image at ${endOffset} than node ${known.node}`)
    }
  }

  #checkRules(node: number, image: MetadataImage): void {
    for (const topic of image.topics.values()) {
      for (const [index, partition] of topic.partitions.entries()) {
        this.#checkPartition(node, image, topic, index, partition)
      }
    }
  }

  #checkPartition(
    node: number,
    image: MetadataImage,
    topic: TopicImage,
    index: number,
    partition: PartitionImage,
  ): void {
    const { leader, isr, replicas, leaderEpoch, partitionEpoch, leaderRecoveryState } = partition
    const name = `${topic.name}-${index}`
    const wrong = (problem: string): void => this.#violate('partition', node, `${name}: ${problem}`)
    if (isr.some((id) => !replicas.includes(id))) wrong(`ISR ${isr.join()} is not among ${replicas.join()}`)
    if (new Set(isr).size !== isr.length) wrong(`ISR ${isr.join()} names one twice`)
    if (leaderRecoveryState !== 0 && !isUncleanAllowed(image, topic.name))
      wrong(`leader ${leader} was elected uncleanly, and nobody has allowed that`)
    if (leader !== NO_NODE) {
      if (!isr.includes(leader)) wrong(`leader ${leader} is not in the ISR ${isr.join()}`)
      const broker = image.brokers.get(leader)
      if (broker === undefined) wrong(`leader ${leader} is not registered`)
      else if (broker.fenced) wrong(`leader ${leader} is fenced`)
    }
    const key = `${topic.id}-${index}`
    const before = this.#epochs.get(key)
    if (before?.leaderEpoch === leaderEpoch && before.partitionEpoch === partitionEpoch) {
      if (before.leader !== leader)
        wrong(`leader ${before.leader} became ${leader} within epoch ${leaderEpoch}`)
      return
    }
    if (before !== undefined && leaderEpoch < before.leaderEpoch) {
      wrong(`leader epoch fell from ${before.leaderEpoch} to ${leaderEpoch}`)
    }
    if (before !== undefined && partitionEpoch <= before.partitionEpoch) {
      wrong(`partition epoch went from ${before.partitionEpoch} to ${partitionEpoch}`)
    }
    if (before !== undefined && before.leader !== leader && leaderEpoch === before.leaderEpoch) {
      wrong(`leader ${before.leader} became ${leader} within epoch ${leaderEpoch}`)
    }
    this.#epochs.set(key, { leaderEpoch, partitionEpoch, leader })
  }

  #violate(invariant: string, node: number, details: string): void {
    this.#options.violate(invariant, `node ${node} ${details}`)
  }
}

function isUncleanAllowed({ configs }: MetadataImage, topic: string): boolean {
  return configs.forTopic(topic).get('unclean.leader.election.enable') === 'true'
}
