/**
 * All declared APIs by name and by key, and the version table that ApiVersions answers.
 * A new API is declared in `api/` and listed here; from then on the compiler asks for its handler.
 */
import { apiVersions } from './api/api-versions.ts'
import { createPartitions } from './api/create-partitions.ts'
import { createTopics } from './api/create-topics.ts'
import { deleteRecords } from './api/delete-records.ts'
import { deleteTopics } from './api/delete-topics.ts'
import { describeCluster } from './api/describe-cluster.ts'
import { describeConfigs } from './api/describe-configs.ts'
import { fetch } from './api/fetch.ts'
import { findCoordinator } from './api/find-coordinator.ts'
import { incrementalAlterConfigs } from './api/incremental-alter-configs.ts'
import { listOffsets } from './api/list-offsets.ts'
import { metadata } from './api/metadata.ts'
import { offsetForLeaderEpoch } from './api/offset-for-leader-epoch.ts'
import { produce } from './api/produce.ts'
import type { Api, RequestBody, RequestInput, ResponseBody, ResponseInput } from './schema/define-api.ts'

export const apis = {
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  Metadata: metadata,
  FindCoordinator: findCoordinator,
  ApiVersions: apiVersions,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  DeleteRecords: deleteRecords,
  OffsetForLeaderEpoch: offsetForLeaderEpoch,
  DescribeConfigs: describeConfigs,
  CreatePartitions: createPartitions,
  IncrementalAlterConfigs: incrementalAlterConfigs,
  DescribeCluster: describeCluster,
} as const

type Apis = typeof apis
export type ApiName = keyof Apis

/** A decoded request: every field is there. */
export type RequestOf<N extends ApiName> = RequestBody<Apis[N]>
/** A decoded response: every field is there. */
export type ResponseOf<N extends ApiName> = ResponseBody<Apis[N]>
/** A request to encode: fields with a default may be left out. A decoded one fits, too. */
export type RequestInputOf<N extends ApiName> = RequestInput<Apis[N]>
/** A response to encode: fields with a default may be left out. A decoded one fits, too. */
export type ResponseInputOf<N extends ApiName> = ResponseInput<Apis[N]>

export const apiNames = Object.keys(apis) as ApiName[]

const nameByKey: (ApiName | undefined)[] = []
for (const name of apiNames) nameByKey[apis[name].key] = name

/** @returns the API with that key, or undefined for one that is not declared */
export function apiNameOf(key: number): ApiName | undefined {
  return nameByKey[key]
}

export function apiOf(name: ApiName): Api {
  return apis[name]
}

/** What ApiVersions answers: nothing that is not served, except the old Produce versions that clients look for. */
export function advertisedVersions(): ResponseInputOf<'ApiVersions'>['apiKeys'] {
  return apiNames
    .map((name) => ({
      apiKey: apis[name].key,
      minVersion: apis[name].advertised.min,
      maxVersion: apis[name].advertised.max,
    }))
    .sort((a, b) => a.apiKey - b.apiKey)
}
