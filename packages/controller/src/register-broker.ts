/**
 * BrokerRegistration: a broker process joins (KIP-631). It is fenced until it has caught up with the metadata log, and its
 * epoch, the offset of its registration, tells it from every process before it.
 *
 * A new process leads nothing and leaves the ISRs it can leave: the process before it may have acknowledged what it had
 * not flushed (KIP-903). Whether it may be elected out of sync depends on how that one ended (KIP-966).
 */
import { ZERO_UUID } from '@millrace/base'
import type { BrokerImage, MetadataImage } from '@millrace/metadata'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, type LiveSessions, recordOffset } from './decision.ts'
import { changesForNewProcess } from './leader-election.ts'

type Request = RequestOf<'BrokerRegistration'>
type Response = ResponseInputOf<'BrokerRegistration'>

/**
 * The same process registering again gets the epoch that it has, and changes nothing.
 * Errors: INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION (another process of this id is running),
 * INVALID_REGISTRATION (no listener, doubled names or directories, no incarnation), UNSUPPORTED_VERSION (the broker's
 * software can't read what the cluster's feature levels allow).
 */
export function handleBrokerRegistration(request: Request, context: DecisionContext): Decision<Response> {
  const { image, sessions } = context
  const registered = image.brokers.get(request.brokerId)
  const errorCode = registrationError(request, registered, image, sessions)
  if (errorCode !== ErrorCode.NONE) return { records: [], response: { errorCode } }
  if (registered?.incarnationId === request.incarnationId) {
    return { records: [], response: { brokerEpoch: registered.epoch } }
  }
  // First in the decision: the epoch must be this record's offset.
  const brokerEpoch = recordOffset(image, 0)
  const registration = metadataRecord('RegisterBrokerRecord', {
    brokerId: request.brokerId,
    incarnationId: request.incarnationId,
    brokerEpoch,
    endPoints: request.listeners,
    features: request.features,
    rack: request.rack,
    fenced: true,
    inControlledShutdown: false,
    logDirs: request.logDirs,
  })
  const { records, uncleanElections } = changesForNewProcess(
    context,
    request.brokerId,
    (topic, changes) =>
      hasOtherDisk(request, registered) ||
      (!endedCleanly(request, registered) && changes.mayLoseAcknowledged(topic, request.brokerId)),
  )
  return { records: [registration, ...records], response: { brokerEpoch }, uncleanElections }
}

/** The process before it, which it found in its data folder, was the registered one, and had flushed everything. */
function endedCleanly({ previousBrokerEpoch }: Request, registered: BrokerImage | undefined): boolean {
  return previousBrokerEpoch === registered?.epoch
}

/** It has none of the log directories that the process before it had: whatever was acknowledged, it is not there. */
function hasOtherDisk({ logDirs }: Request, registered: BrokerImage | undefined): boolean {
  return (
    registered === undefined ||
    (registered.logDirs.length > 0 && !registered.logDirs.some((id) => logDirs.includes(id)))
  )
}

function registrationError(
  request: Request,
  registered: BrokerImage | undefined,
  image: MetadataImage,
  sessions: LiveSessions,
): ErrorCode {
  if (request.clusterId !== image.clusterId) return ErrorCode.INCONSISTENT_CLUSTER_ID
  if (isMalformed(request)) return ErrorCode.INVALID_REGISTRATION
  if (registered !== undefined && isDuplicate(request, registered, sessions)) {
    return ErrorCode.DUPLICATE_BROKER_REGISTRATION
  }
  return request.features.some((feature) => !supports(feature, image.features.get(feature.name)))
    ? ErrorCode.UNSUPPORTED_VERSION
    : ErrorCode.NONE
}

function isMalformed({ brokerId, incarnationId, listeners, logDirs }: Request): boolean {
  return (
    brokerId < 0 ||
    incarnationId === ZERO_UUID ||
    listeners.length === 0 ||
    new Set(listeners.map(({ name }) => name)).size < listeners.length ||
    new Set(logDirs).size < logDirs.length
  )
}

/**
 * Is the process that is registered still running? Not when it is fenced or is shutting down, and not when the new one
 * found in its data folder that it stopped cleanly in just this epoch (KIP-966).
 */
function isDuplicate(request: Request, registered: BrokerImage, sessions: LiveSessions): boolean {
  return (
    registered.incarnationId !== request.incarnationId &&
    !registered.fenced &&
    !registered.inControlledShutdown &&
    request.previousBrokerEpoch !== registered.epoch &&
    sessions.isAlive(registered.id, registered.epoch)
  )
}

function supports(
  { minSupportedVersion, maxSupportedVersion }: Request['features'][number],
  level: number | undefined,
): boolean {
  return level === undefined || (level >= minSupportedVersion && level <= maxSupportedVersion)
}
