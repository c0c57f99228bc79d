/** What a client is told about a batch whose sequence or epoch does not fit: the log's reasons in the protocol's numbers. */
import { ErrorCode } from '@millrace/protocol'
import type { ProducerRefusal, ProducerVerdict } from '@millrace/storage'
import type { Append } from '../partition/append.ts'

const CODES: Readonly<Record<ProducerRefusal, number>> = {
  'out-of-order-sequence': ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  'invalid-producer-epoch': ErrorCode.INVALID_PRODUCER_EPOCH,
  'unknown-producer-id': ErrorCode.UNKNOWN_PRODUCER_ID,
}

export function refuseProducer(
  append: Append,
  { refusal, message }: ProducerVerdict & { readonly kind: 'refused' },
): void {
  // As Kafka: with these, too, the answer says where the log starts.
  append.tellsLogStart = true
  append.fail(CODES[refusal], message)
}
