/**
 * BrokerHeartbeat: what a registered broker may do next (KIP-631). Fenced, it waits until it has caught up with its own
 * registration; unfenced, it may lead; a broker that wants to stop first hands over what others can lead, waits until
 * they know, and is fenced last.
 *
 * A heartbeat that changes nothing costs a look at one registration.
 */
import type { BrokerImage, MetadataRecord } from '@millrace/metadata'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'
import { fenceRecords } from './fence-broker.ts'
import { leaderRecordsForLive, leaderRecordsForShutdown } from './leader-election.ts'

type Request = RequestOf<'BrokerHeartbeat'>
type Response = ResponseInputOf<'BrokerHeartbeat'>

interface Next {
  readonly records: readonly MetadataRecord[]
  readonly isFenced: boolean
  readonly shouldShutDown: boolean
}

/** Errors: BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH (another process of this id has registered since). */
export function handleBrokerHeartbeat(request: Request, context: DecisionContext): Decision<Response> {
  const broker = context.image.brokers.get(request.brokerId)
  if (broker === undefined) return refused(ErrorCode.BROKER_ID_NOT_REGISTERED)
  if (broker.epoch !== request.brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH)
  const isCaughtUp = request.currentMetadataOffset >= broker.epoch
  const { records, isFenced, shouldShutDown } = broker.fenced
    ? nextOfFenced(request, broker, isCaughtUp, context)
    : nextOfUnfenced(request, broker, context)
  return { records, response: { isCaughtUp, isFenced, shouldShutDown } }
}

function refused(errorCode: number): Decision<Response> {
  return { records: [], response: { errorCode } }
}

function nextOfFenced(
  { wantFence, wantShutDown }: Request,
  broker: BrokerImage,
  isCaughtUp: boolean,
  { image }: DecisionContext,
): Next {
  if (wantShutDown) return { records: [], isFenced: true, shouldShutDown: true }
  if (wantFence || !isCaughtUp) return { records: [], isFenced: true, shouldShutDown: false }
  // A shutdown that was begun is not taken back: this process gets no leaderships any more.
  const elections = broker.inControlledShutdown ? [] : leaderRecordsForLive(image, broker.id)
  return { records: [registrationChange(broker, { fenced: -1 }), ...elections], ...running }
}

function nextOfUnfenced(request: Request, broker: BrokerImage, context: DecisionContext): Next {
  const { image } = context
  if (request.wantFence) {
    return { records: fenceRecords(broker, image), isFenced: true, shouldShutDown: request.wantShutDown }
  }
  if (!request.wantShutDown) return { records: [], ...running }
  const handover = leaderRecordsForShutdown(image, broker.id)
  if (handover.length > 0) {
    const begin = broker.inControlledShutdown ? [] : [registrationChange(broker, { inControlledShutdown: 1 })]
    return { records: [...begin, ...handover], ...running }
  }
  if (!isHandoverKnown(broker, context)) return { records: [], ...running }
  // What is still led here, nobody else could lead.
  return { records: fenceRecords(broker, image), isFenced: true, shouldShutDown: true }
}

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
