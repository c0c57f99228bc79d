/**
 * AllocateProducerIds: a broker gets the next block of producer ids (KIP-730). Committed before it is answered, so that no
 * id is given out twice, whatever becomes of controllers and answers; what is lost on the way is never used.
 */
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'

type Response = ResponseInputOf<'AllocateProducerIds'>

/** Kafka's size of a block. */
export const PRODUCER_IDS_PER_BLOCK = 1000

/** Errors: STALE_BROKER_EPOCH; UNKNOWN_SERVER_ERROR when all ids are used up. */
export function handleAllocateProducerIds(
  { brokerId, brokerEpoch }: RequestOf<'AllocateProducerIds'>,
  { image }: DecisionContext,
): Decision<Response> {
  if (image.brokers.get(brokerId)?.epoch !== brokerEpoch) {
    return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH } }
  }
  const producerIdStart = image.nextProducerId
  const nextProducerId = producerIdStart + PRODUCER_IDS_PER_BLOCK
  if (!Number.isSafeInteger(nextProducerId)) {
    return { records: [], response: { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR } }
  }
  return {
    records: [metadataRecord('ProducerIdsRecord', { brokerId, brokerEpoch, nextProducerId })],
    response: { producerIdStart, producerIdLen: PRODUCER_IDS_PER_BLOCK },
  }
}
