/**
 * A broker is fenced: its session has ended, its process is gone, or it asked for it (KIP-631). From then on it leads
 * nothing and no client is sent to it. Fencing a broker that lives is safe: it asks to be unfenced with its next heartbeat.
 */
import type { NodeId } from '@millrace/base'
import type { BrokerImage, MetadataImage, MetadataRecord } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'
import { leaderRecordsForGone } from './leader-election.ts'

/** A broker process. */
export interface BrokerProcess {
  readonly brokerId: NodeId
  readonly brokerEpoch: number
}

export interface BrokerFenced {
  /** False: another process of the broker has registered since, or the broker was fenced or unregistered already. */
  readonly fenced: boolean
}

export function fenceBroker(
  { brokerId, brokerEpoch }: BrokerProcess,
  { image }: Pick<DecisionContext, 'image'>,
): Decision<BrokerFenced> {
  const broker = image.brokers.get(brokerId)
  if (broker === undefined || broker.epoch !== brokerEpoch || broker.fenced) {
    return { records: [], response: { fenced: false } }
  }
  return { records: fenceRecords(broker, image), response: { fenced: true } }
}

/** @param broker not fenced */
export function fenceRecords(broker: BrokerImage, image: MetadataImage): MetadataRecord[] {
  const { id: brokerId, epoch: brokerEpoch } = broker
  return [
    metadataRecord('BrokerRegistrationChangeRecord', { brokerId, brokerEpoch, fenced: 1 }),
    ...leaderRecordsForGone(image, brokerId),
  ]
}
