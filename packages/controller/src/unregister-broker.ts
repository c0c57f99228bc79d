/**
 * UnregisterBroker: a broker that will not come back is forgotten (KIP-631). Its replicas stay assigned to it, until
 * partitions are reassigned or a broker of this id registers again. A broker that runs finds out by its next heartbeat.
 */
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, refusal } from './decision.ts'
import { changesForGone } from './leader-election.ts'

type Request = RequestOf<'UnregisterBroker'>
type Response = ResponseInputOf<'UnregisterBroker'>

/** Errors: BROKER_ID_NOT_REGISTERED. */
export function handleUnregisterBroker({ brokerId }: Request, context: DecisionContext): Decision<Response> {
  const { image } = context
  const broker = image.brokers.get(brokerId)
  if (broker === undefined) {
    const response = refusal(
      ErrorCode.BROKER_ID_NOT_REGISTERED,
      `Broker ID ${brokerId} is not currently registered.`,
    )
    return { records: [], response }
  }
  const unregistration = metadataRecord('UnregisterBrokerRecord', { brokerId, brokerEpoch: broker.epoch })
  const { records, uncleanElections } = changesForGone(context, brokerId)
  return { records: [...records, unregistration], response: {}, uncleanElections }
}
