export * from './apis.ts'
export { EndpointType } from './endpoint-type.ts'
export * from './error-code.ts'
export * from './handlers.ts'
export * from './late-answer.ts'
export * from './message.ts'
export { NATIVE_CLIENT_NAME, NATIVE_PREAMBLE, NATIVE_WIRE_VERSION } from './native/wire.ts'
export {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
  encodeUnsupportedApiVersions,
  kafkaCorrelationId,
} from './kafka/frame.ts'
export {
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  nativeCorrelationId,
} from './native/frame.ts'
export type { Api, ListenerType } from './schema/define-api.ts'
export type { VersionRange } from './schema/version-range.ts'
export type * from './api/add-raft-voter.ts'
export type * from './api/allocate-producer-ids.ts'
export type * from './api/alter-partition.ts'
export type * from './api/alter-partition-reassignments.ts'
export type * from './api/api-versions.ts'
export type * from './api/begin-quorum-epoch.ts'
export type * from './api/broker-heartbeat.ts'
export type * from './api/broker-registration.ts'
export type * from './api/create-partitions.ts'
export type * from './api/create-topics.ts'
export type * from './api/delete-records.ts'
export type * from './api/delete-topics.ts'
export type * from './api/describe-cluster.ts'
export type * from './api/describe-configs.ts'
export type * from './api/describe-log-dirs.ts'
export type * from './api/describe-quorum.ts'
export type * from './api/describe-topic-partitions.ts'
export type * from './api/elect-leaders.ts'
export type * from './api/end-quorum-epoch.ts'
export type * from './api/fetch-snapshot.ts'
export type * from './api/fetch.ts'
export type * from './api/find-coordinator.ts'
export type * from './api/incremental-alter-configs.ts'
export type * from './api/init-producer-id.ts'
export type * from './api/list-offsets.ts'
export type * from './api/list-partition-reassignments.ts'
export type * from './api/metadata.ts'
export type * from './api/offset-for-leader-epoch.ts'
export type * from './api/produce.ts'
export type * from './api/remove-raft-voter.ts'
export type * from './api/unregister-broker.ts'
export type * from './api/update-raft-voter.ts'
export type * from './api/vote.ts'
export { decodeMetadataRecord, encodeMetadataRecord } from './metadata-record/codec.ts'
export { NO_LEADER_CHANGE } from './metadata-record/partition-change-record.ts'
export {
  metadataRecord,
  type MetadataRecord,
  type MetadataRecordOf,
} from './metadata-record/metadata-record.ts'
export {
  decodeQuorumRecord,
  encodeQuorumRecord,
  type EncodedQuorumRecord,
  type UnknownQuorumRecord,
} from './quorum-record/codec.ts'
export {
  ControlRecordType,
  quorumRecord,
  type QuorumRecord,
  type QuorumRecordOf,
  type QuorumRecordType,
} from './quorum-record/quorum-record.ts'
