/**
 * CreateTopics, DeleteTopics, CreatePartitions, DescribeConfigs, IncrementalAlterConfigs: passed on to the controller.
 * Answered when every shard of this broker has applied what was decided.
 */
import type { RequestContext } from '@millrace/net'
import type { Handler } from '@millrace/protocol'
import type { ControllerApi, ControllerChannel } from '../controller-channel.ts'

export function controllerHandler<N extends ControllerApi>(
  api: N,
  controller: ControllerChannel,
): Handler<N, RequestContext> {
  return (request, { clientId, apiVersion }) => controller.request(api, request, { clientId, apiVersion })
}
