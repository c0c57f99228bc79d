export { Admin } from './admin/admin.ts'
export type { DescribeConfigsOptions, ValidateOptions } from './admin/admin.ts'
export type {
  BrokerDescription,
  ClusterDescription,
  DescribeClusterOptions,
} from './admin/cluster-operations.ts'
export type {
  ConfigAlteration,
  ConfigDescription,
  ConfigEntry,
  ConfigResource,
  ConfigSource,
  ConfigType,
} from './admin/config-operations.ts'
export type { DeletedRecords, DeleteRecordsTarget } from './admin/delete-records.ts'
export type { ReplicaDescription, ReplicaDescriptions } from './admin/describe-replicas.ts'
export { isUnderReplicated } from './admin/describe-topics.ts'
export type { PartitionDescription, TopicDescription } from './admin/describe-topics.ts'
export type { ElectionOutcome, ElectionType } from './admin/elect-leaders.ts'
export type {
  NewVoter,
  QuorumDescription,
  QuorumEndpoint,
  QuorumReplica,
  VoterKey,
} from './admin/quorum-operations.ts'
export type { OngoingReassignment, PartitionReassignment } from './admin/reassignment-operations.ts'
export type { CreatedTopic, NewPartitions, NewTopic, TopicListing } from './admin/topic-operations.ts'
export { formatEndpoint, parseBootstrap } from './bootstrap.ts'
export { requireBetween, withDefaults } from './client-options.ts'
export type { ClientOptions, ResolvedClientOptions } from './client-options.ts'
export { partitionName } from './cluster/by-leader.ts'
export type { TopicPartition } from './cluster/by-leader.ts'
export { Cluster, needsRefresh } from './cluster/cluster.ts'
export type { ClusterOptions, ClusterRequestOptions } from './cluster/cluster.ts'
export type { Dial, DialOptions, Link, RequestOptions, Wire } from './cluster/link.ts'
export { listOffsets } from './cluster/list-offsets.ts'
export type { FoundOffset, OffsetQuery, OffsetSpec } from './cluster/list-offsets.ts'
export { MetadataCache } from './cluster/metadata-cache.ts'
export type {
  BrokerMetadata,
  LeaderHint,
  PartitionMetadata,
  TopicMetadata,
} from './cluster/metadata-cache.ts'
export { PartialFailureError } from './cluster/settle.ts'
export {
  BrokerError,
  ClosedError,
  ConfigError,
  ConnectionError,
  MillraceError,
  SerdeError,
  TimeoutError,
} from './errors.ts'
export { backoffMs } from './retry/backoff.ts'
export type { BackoffOptions } from './retry/backoff.ts'
export { abortable, delay } from './retry/call-scope.ts'
export { withinScope } from './retry/within-scope.ts'
export type { CallOptions, CallScope } from './retry/call-scope.ts'
export { isRetriable } from './retry/retry-policy.ts'
export { json } from './serde/json.ts'
export { bytes, int32, int64, nullable, raw, string, uuid } from './serde/serde.ts'
export type { RawInput, Serde } from './serde/serde.ts'
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from './serde/standard-schema.ts'
export { rawTopic, topic } from './serde/topic.ts'
export type { RawTopic, Topic, TopicSerdes } from './serde/topic.ts'
