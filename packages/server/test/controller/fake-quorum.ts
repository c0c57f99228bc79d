/** A quorum whose elections and commits happen when the test says so. */
import { NO_NODE, NO_TIMESTAMP, type NodeId, type Offset } from '@millrace/base'
import { MetadataDelta, MetadataImage, type MetadataRecord } from '@millrace/metadata'
import { NotControllerError, type QuorumLeader } from '@millrace/metadata-log'
import type { DecidingQuorum } from '../../src/controller/active-controller.ts'

interface Uncommitted {
  readonly image: MetadataImage
  readonly outcome: PromiseWithResolvers<Offset>
}

interface ApplyWait {
  readonly offset: Offset
  readonly broker: NodeId
  readonly timeoutMs: number
  readonly resolve: (applied: boolean) => void
}

export class FakeQuorum implements DecidingQuorum {
  leader: QuorumLeader = { id: NO_NODE, epoch: 0, endpoint: null }
  isActive = false
  /** Committed. */
  image = MetadataImage.empty('cluster')
  /** Whether what is appended is committed at once. */
  commits = true
  /** Whether brokers apply at once what is committed. */
  applies = true
  readonly appended: MetadataRecord[][] = []
  readonly waits: ApplyWait[] = []
  readonly handlers = {} as DecidingQuorum['handlers']
  readonly #nodeId: NodeId
  #latestImage = this.image
  readonly #listeners = new Set<() => void>()
  #uncommitted: Uncommitted[] = []

  constructor(nodeId: number) {
    this.#nodeId = nodeId as NodeId
  }

  get latestImage(): MetadataImage {
    if (!this.isActive) throw new Error('only the active leader has a latest image')
    return this.#latestImage
  }

  elect(): void {
    this.leader = { id: this.#nodeId, epoch: this.leader.epoch + 1, endpoint: null }
    this.isActive = true
    this.#tell()
  }

  /** Another node leads: what was not committed is lost. */
  depose(): void {
    this.leader = { id: 999 as NodeId, epoch: this.leader.epoch + 1, endpoint: null }
    this.isActive = false
    this.#latestImage = this.image
    const lost = this.#uncommitted
    this.#uncommitted = []
    this.#tell()
    for (const { outcome } of lost) outcome.reject(new NotControllerError('deposed'))
  }

  append(records: readonly MetadataRecord[]): Promise<Offset> {
    if (!this.isActive) return Promise.reject(new NotControllerError('not the leader'))
    this.appended.push([...records])
    const lastOffset = (this.#latestImage.position.lastOffset + records.length) as Offset
    const position = { lastOffset, epoch: this.leader.epoch, timestampMs: NO_TIMESTAMP }
    this.#latestImage = new MetadataDelta(this.#latestImage).replayAll(records).apply(position)
    const outcome = Promise.withResolvers<Offset>()
    this.#uncommitted.push({ image: this.#latestImage, outcome })
    if (this.commits) this.commit()
    return outcome.promise
  }

  commit(): void {
    const committed = this.#uncommitted
    this.#uncommitted = []
    for (const { image, outcome } of committed) {
      this.image = image
      outcome.resolve(image.position.lastOffset)
    }
  }

  async settled(): Promise<void> {
    if (!this.isActive) throw new NotControllerError('not the leader')
    await this.#uncommitted.at(-1)?.outcome.promise
  }

  whenApplied(offset: Offset, nodes: readonly NodeId[], timeoutMs: number): Promise<boolean> {
    if (this.applies) return Promise.resolve(true)
    return new Promise((resolve) => this.waits.push({ offset, broker: nodes[0]!, timeoutMs, resolve }))
  }

  onLeaderChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
