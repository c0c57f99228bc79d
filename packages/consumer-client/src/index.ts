export { Consumer } from './consumer.ts'
export type { Assignment, ConsumerOptions, OffsetReset, Position, ReadOptions } from './consumer-options.ts'
export { CorruptBatchError, OffsetOutOfRangeError } from './errors.ts'
export { MessageBatch } from './message-batch.ts'
export { Message } from './message.ts'
export type { MessageHeader } from './message.ts'
export { Reader } from './reader.ts'
export type { PartitionRef } from './reader.ts'
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
  TopicPartition,
} from '@millrace/client'
