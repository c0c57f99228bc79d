/** Changes of broker registrations between two images. */
import { assert, type NodeId } from '@millrace/base'
import type { MetadataRecordOf } from '@millrace/protocol'
import type { BrokerImage, BrokersImage } from '../image/brokers-image.ts'

export class BrokersDelta {
  readonly #base: BrokersImage
  readonly #changed = new Map<NodeId, BrokerImage | null>()

  constructor(base: BrokersImage) {
    this.#base = base
  }

  get isEmpty(): boolean {
    return this.#changed.size === 0
  }

  /** Changed registrations as they stand after the delta; null: unregistered. */
  get changed(): ReadonlyMap<NodeId, BrokerImage | null> {
    return this.#changed
  }

  replayRegister(record: MetadataRecordOf<'RegisterBrokerRecord'>): void {
    this.#changed.set(record.brokerId, {
      id: record.brokerId,
      epoch: record.brokerEpoch,
      incarnationId: record.incarnationId,
      endpoints: record.endPoints,
      features: record.features,
      rack: record.rack,
      fenced: record.fenced,
      inControlledShutdown: record.inControlledShutdown,
      logDirs: record.logDirs,
    })
  }

  replayUnregister(record: MetadataRecordOf<'UnregisterBrokerRecord'>): void {
    this.#registered(record.brokerId, record.brokerEpoch)
    this.#changed.set(record.brokerId, null)
  }

  replayChange(record: MetadataRecordOf<'BrokerRegistrationChangeRecord'>): void {
    const broker = this.#registered(record.brokerId, record.brokerEpoch)
    this.#changed.set(record.brokerId, {
      ...broker,
      fenced: record.fenced === 0 ? broker.fenced : record.fenced > 0,
      inControlledShutdown: broker.inControlledShutdown || record.inControlledShutdown > 0,
      logDirs: record.logDirs.length === 0 ? broker.logDirs : record.logDirs,
    })
  }

  apply(): BrokersImage {
    if (this.isEmpty) return this.#base
    const brokers = new Map(this.#base)
    for (const [id, broker] of this.#changed) {
      if (broker === null) brokers.delete(id)
      else brokers.set(id, broker)
    }
    return brokers
  }

  #registered(id: NodeId, epoch: number): BrokerImage {
    const broker = this.#changed.has(id) ? this.#changed.get(id) : this.#base.get(id)
    assert(broker !== undefined && broker !== null, `broker ${id} changed, but is not registered`)
    assert(broker.epoch === epoch, `broker ${id} is registered with epoch ${broker.epoch}, not ${epoch}`)
    return broker
  }
}
