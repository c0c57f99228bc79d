/** AllocateProducerIds: a broker gets ids for idempotent producers, in blocks that no other broker gets (KIP-730). */
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'

type Request = RequestOf<'AllocateProducerIds'>
type Response = ResponseInputOf<'AllocateProducerIds'>

const PRODUCER_IDS_PER_BLOCK = 1000

/** Errors: BROKER_ID_NOT_REGISTERED, STALE_BROKER_EPOCH, UNKNOWN_SERVER_ERROR (all ids are used up). */
export function handleAllocateProducerIds(
  { brokerId, brokerEpoch }: Request,
  { image }: DecisionContext,
): Decision<Response> {
  const broker = image.brokers.get(brokerId)
  if (broker === undefined) return refused(ErrorCode.BROKER_ID_NOT_REGISTERED)
  if (broker.epoch !== brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH)
  const producerIdStart = image.nextProducerId
  const nextProducerId = producerIdStart + PRODUCER_IDS_PER_BLOCK
  if (nextProducerId > Number.MAX_SAFE_INTEGER) return refused(ErrorCode.UNKNOWN_SERVER_ERROR)
  return {
    records: [metadataRecord('ProducerIdsRecord', { brokerId, brokerEpoch, nextProducerId })],
    response: { producerIdStart, producerIdLen: PRODUCER_IDS_PER_BLOCK },
  }
}

function refused(errorCode: number): Decision<Response> {
  return { records: [], response: { errorCode } }
}
