/**
 * IncrementalAlterConfigs: changes single configs of topics and brokers (KIP-339).
 * Operations: 0 set, 1 delete, 2 append to a list, 3 subtract from a list. Resource types: 2 topic, 4 broker, 8 broker
 * logger.
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int8, string, struct } from '../schema/field.ts'

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  listeners: ['broker', 'controller'],
  versions: '0-1',
  flexible: '1+',
  served: '0-1',
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            configOperation: int8(),
            value: string({ nullable: '0+', default: null }),
          }),
        ),
      }),
    ),
    validateOnly: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  },
})

export type IncrementalAlterConfigsRequest = RequestBody<typeof incrementalAlterConfigs>
export type IncrementalAlterConfigsResponse = ResponseBody<typeof incrementalAlterConfigs>
