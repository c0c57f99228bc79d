/**
 * InitProducerId: a new id for an idempotent producer, whatever it had before: it bumps its epoch by itself (KIP-360). A
 * transactional id is refused for good, because there are no transactions.
 */
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler, ResponseInputOf } from '@millrace/protocol'
import { NoProducerIdError } from '../producer-id/producer-ids.ts'
import type { ProducerIds } from '../producer-id/producer-ids.ts'

export interface InitProducerIdSurroundings {
  readonly producerIds: Pick<ProducerIds, 'take'>
}

/** Errors: UNSUPPORTED_VERSION, INVALID_REQUEST; COORDINATOR_LOAD_IN_PROGRESS while the controller gives no ids. */
export function initProducerIdHandler({
  producerIds,
}: InitProducerIdSurroundings): Handler<'InitProducerId', RequestContext> {
  return ({ transactionalId }) => {
    if (transactionalId === '') return { errorCode: ErrorCode.INVALID_REQUEST }
    if (transactionalId !== null) return { errorCode: ErrorCode.UNSUPPORTED_VERSION }
    return producerIds.take().then(
      (producerId): ResponseInputOf<'InitProducerId'> => ({ producerId, producerEpoch: 0 }),
      (error: unknown) => {
        if (!(error instanceof NoProducerIdError)) throw error
        return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }
      },
    )
  }
}
