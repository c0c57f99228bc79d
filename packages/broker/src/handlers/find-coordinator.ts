/**
 * FindCoordinator v0–6: there are no groups and no transactions yet, so no coordinator is ever available. It is served
 * all the same, because librdkafka compresses with lz4 only where it is.
 */
import { NO_NODE } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { Handler } from '@millrace/protocol'

const NOT_AVAILABLE = {
  errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  errorMessage: 'consumer groups and transactions are not supported yet',
  nodeId: NO_NODE,
  host: '',
  port: -1,
} as const

export const handleFindCoordinator: Handler<'FindCoordinator', RequestContext> = (request) => ({
  ...NOT_AVAILABLE,
  coordinators: request.coordinatorKeys.map((key) => ({ key, ...NOT_AVAILABLE })),
})
