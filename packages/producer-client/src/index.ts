export { SendManyError } from './delivery/bulk-delivery.ts'
export { hashPartition } from './partitioner/partitioner.ts'
export type {
  EncodedField,
  PartitionerOption,
  PartitionFunction,
  PartitionRequest,
} from './partitioner/partitioner.ts'
export { Producer } from './producer.ts'
export { COMPRESSIONS } from './producer-options.ts'
export type { Acks, Compression, ProducerOptions } from './producer-options.ts'
export type {
  BulkRecords,
  HeadersInput,
  HeaderValue,
  ProducerRecord,
  RecordResult,
  SendManyResult,
  StoredRange,
} from './producer-record.ts'
export {
  BrokerError,
  bytes,
  ClosedError,
  ConfigError,
  ConnectionError,
  int32,
  int64,
  json,
  MillraceError,
  nullable,
  raw,
  SerdeError,
  string,
  TimeoutError,
  topic,
  uuid,
} from '@millrace/client'
export type {
  CallOptions,
  ClientOptions,
  RawInput,
  RawTopic,
  Serde,
  StandardSchema,
  Topic,
} from '@millrace/client'
