/**
 * BrokerHeartbeat: what a registered broker may do next (KIP-631). Fenced, it waits until it has caught up with its own
 * registration; unfenced, it may lead; a broker that wants to stop first hands over what others can lead, waits until
 * they know, and is fenced last.
 *
 * A heartbeat that changes nothing costs a look at one registration.
 */
import type { BrokerImage, MetadataRecord } from '@millrace/metadata'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type { DecidedChanges, Decision, DecisionContext } from './decision.ts'
import { fencing } from './fence-broker.ts'
import { changesForLive, changesForShutdown } from './leader-election.ts'

type Request = RequestOf<'BrokerHeartbeat'>
type Response = ResponseInputOf<'BrokerHeartbeat'>

interface Next extends DecidedChanges {
  readonly isFenced: boolean
  readonly shouldShutDown: boolean
}

/** Errors: BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH (another process of this id has registered since). */
export function handleBrokerHeartbeat(request: Request, context: DecisionContext): Decision<Response> {
  const broker = context.image.brokers.get(request.brokerId)
  if (broker === undefined) return refused(ErrorCode.BROKER_ID_NOT_REGISTERED)
  if (broker.epoch !== request.brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH)
  const isCaughtUp = request.currentMetadataOffset >= broker.epoch
  const { isFenced, shouldShutDown, ...changes } = broker.fenced
    ? nextOfFenced(request, broker, isCaughtUp, context)
    : nextOfUnfenced(request, broker, context)
  return { ...changes, response: { isCaughtUp, isFenced, shouldShutDown } }
}

function refused(errorCode: number): Decision<Response> {
  return { records: [], response: { errorCode } }
}

function nextOfFenced(
  { wantFence, wantShutDown }: Request,
  broker: BrokerImage,
  isCaughtUp: boolean,
  context: DecisionContext,
): Next {
  if (wantShutDown) return { records: [], isFenced: true, shouldShutDown: true }
  if (wantFence || !isCaughtUp) return { records: [], isFenced: true, shouldShutDown: false }
  // A shutdown that was begun is not taken back: this process gets no leaderships any more.
  const elections = broker.inControlledShutdown ? NO_CHANGES : changesForLive(context, broker.id)
  const { records, uncleanElections } = elections
  return {
    records: [registrationChange(broker, { fenced: -1 }), ...records],
    uncleanElections,
    ...running,
  }
}

function nextOfUnfenced(request: Request, broker: BrokerImage, context: DecisionContext): Next {
  if (request.wantFence) {
    return { ...fencing(broker, context), isFenced: true, shouldShutDown: request.wantShutDown }
  }
  if (!request.wantShutDown) return { records: [], ...running }
  const { records, uncleanElections } = changesForShutdown(context, broker.id)
  if (records.length > 0) {
    const begin = broker.inControlledShutdown ? [] : [registrationChange(broker, { inControlledShutdown: 1 })]
    return { records: [...begin, ...records], uncleanElections, ...running }
  }
  if (!isHandoverKnown(broker, context)) return { records: [], ...running }
  // What is still led here, nobody else could lead.
  return { ...fencing(broker, context), isFenced: true, shouldShutDown: true }
}

const NO_CHANGES = { records: [], uncleanElections: [] } as const
const running = { isFenced: false, shouldShutDown: false } as const

/** Until the others know whom to ask instead, stopping would be an outage for their clients. */
function isHandoverKnown({ id, epoch }: BrokerImage, { image, sessions }: DecisionContext): boolean {
  const handedOver = sessions.shutdownOffset(id, epoch)
  for (const other of image.brokers.values()) {
    if (other.id === id || other.fenced) continue
    const applied = sessions.appliedOffset(other.id, other.epoch)
    if (applied !== null && applied < handedOver) return false
  }
  return true
}

function registrationChange(
  { id: brokerId, epoch: brokerEpoch }: BrokerImage,
  change: { readonly fenced?: -1; readonly inControlledShutdown?: 1 },
): MetadataRecord {
  return metadataRecord('BrokerRegistrationChangeRecord', { brokerId, brokerEpoch, ...change })
}
