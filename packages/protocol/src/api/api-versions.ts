/**
 * ApiVersions: which versions of which APIs a broker serves (KIP-35, KIP-511).
 * Its response header never has tagged fields, so that a client can read a refusal whatever version it asked for.
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int64, int8, string, struct } from '../schema/field.ts'

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  listeners: ['broker', 'controller'],
  versions: '0-4',
  flexible: '3+',
  served: '0-4',
  request: {
    /** `NATIVE_CLIENT_NAME` asks whether the broker speaks the native wire. */
    clientSoftwareName: string({ versions: '3+', default: '', ignorable: true }),
    clientSoftwareVersion: string({ versions: '3+', default: '', ignorable: true }),
  },
  response: {
    errorCode: int16({ default: 0 }),
    apiKeys: array(struct({ apiKey: int16(), minVersion: int16(), maxVersion: int16() })),
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    supportedFeatures: array(struct({ name: string(), minVersion: int16(), maxVersion: int16() }), {
      versions: '3+',
      tag: 0,
      default: [],
      ignorable: true,
    }),
    finalizedFeaturesEpoch: int64({ versions: '3+', tag: 1, default: -1, ignorable: true }),
    finalizedFeatures: array(struct({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }), {
      versions: '3+',
      tag: 2,
      default: [],
      ignorable: true,
    }),
    zkMigrationReady: bool({ versions: '3+', tag: 3, default: false, ignorable: true }),
    /** Version of the native wire that the broker speaks on this port; 0: none. Not part of Kafka's schema. */
    nativeWire: int8({ versions: '3+', tag: 10_000, default: 0, ignorable: true }),
  },
})

export type ApiVersionsRequest = RequestBody<typeof apiVersions>
export type ApiVersionsResponse = ResponseBody<typeof apiVersions>
