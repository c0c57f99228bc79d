/**
 * DescribeConfigs: the configs of topics and brokers, with where each value comes from.
 * Resource types: 2 topic, 4 broker, 8 broker logger. Sources: 1 topic, 2 dynamic broker, 3 dynamic default broker,
 * 4 static broker, 5 default. Value types: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class,
 * 9 password.
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int8, string, struct } from '../schema/field.ts'

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  listeners: ['broker', 'controller'],
  versions: '0-4',
  flexible: '4+',
  served: '1-4',
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        /** Null: all. */
        configurationKeys: array(string(), { nullable: '0+', default: null }),
      }),
    ),
    includeSynonyms: bool({ versions: '1+', default: false }),
    includeDocumentation: bool({ versions: '3+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: '0+' }),
            readOnly: bool(),
            isDefault: bool({ versions: '0', default: false, ignorable: true }),
            configSource: int8({ versions: '1+', default: -1, ignorable: true }),
            isSensitive: bool(),
            synonyms: array(struct({ name: string(), value: string({ nullable: '0+' }), source: int8() }), {
              versions: '1+',
              default: [],
              ignorable: true,
            }),
            configType: int8({ versions: '3+', default: 0, ignorable: true }),
            documentation: string({ versions: '3+', nullable: '0+', default: null, ignorable: true }),
          }),
        ),
      }),
    ),
  },
})

export type DescribeConfigsRequest = RequestBody<typeof describeConfigs>
export type DescribeConfigsResponse = ResponseBody<typeof describeConfigs>
