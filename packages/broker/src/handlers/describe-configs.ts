/**
 * DescribeConfigs v0–4: topics as the metadata has them, and this broker; asked about another one, it refuses, because
 * what stands in that broker's file is known only there.
 */
import type { RequestContext } from '@millrace/net'
import type { Handler, RequestOf, ResponseInputOf } from '@millrace/protocol'

interface DescribeConfigsSurroundings {
  readonly describeConfigs: (
    request: RequestOf<'DescribeConfigs'>,
  ) => Promise<ResponseInputOf<'DescribeConfigs'>>
}

export function describeConfigsHandler({
  describeConfigs,
}: DescribeConfigsSurroundings): Handler<'DescribeConfigs', RequestContext> {
  return (request) => describeConfigs(request)
}
