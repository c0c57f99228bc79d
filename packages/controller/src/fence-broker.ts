/**
 * A broker is fenced: its session has ended, its process is gone, or it asked for it (KIP-631). From then on it leads
 * nothing and no client is sent to it. Fencing a broker that lives is safe: it asks to be unfenced with its next heartbeat.
 */
import type { NodeId } from '@millrace/base'
import type { BrokerImage } from '@millrace/metadata'
import { metadataRecord } from '@millrace/protocol'
import type { DecidedChanges, Decision, DecisionContext } from './decision.ts'
import { changesForGone } from './leader-election.ts'

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
  context: Pick<DecisionContext, 'image' | 'config'>,
): Decision<BrokerFenced> {
  const { image } = context
  const broker = image.brokers.get(brokerId)
  if (broker === undefined || broker.epoch !== brokerEpoch || broker.fenced) {
    return { records: [], response: { fenced: false } }
  }
  return { ...fencing(broker, context), response: { fenced: true } }
}

/** @param broker not fenced */
export function fencing(
  { id: brokerId, epoch: brokerEpoch }: BrokerImage,
  context: Pick<DecisionContext, 'image' | 'config'>,
): DecidedChanges {
  const { records, uncleanElections } = changesForGone(context, brokerId)
  const fence = metadataRecord('BrokerRegistrationChangeRecord', { brokerId, brokerEpoch, fenced: 1 })
  return { records: [fence, ...records], uncleanElections }
}
