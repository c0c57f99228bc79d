/**
 * What only the controller can answer, changes of metadata and questions about the quorum, is passed on to it.
 * Answered when every shard of this broker has applied what was decided.
 */
import type { RequestContext } from '@millrace/net'
import type { Handler } from '@millrace/protocol'
import type { ControllerChannel, ForwardedApi } from '../controller-channel.ts'

export function controllerHandler<N extends ForwardedApi>(
  api: N,
  controller: ControllerChannel<ForwardedApi>,
): Handler<N, RequestContext> {
  return (request, { clientId, apiVersion }) => controller.request(api, request, { clientId, apiVersion })
}
