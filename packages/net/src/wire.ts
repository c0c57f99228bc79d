/**
 * The two wires behind one shape: Kafka's protocol, whose responses keep the order of their requests, and the native
 * one, whose responses may overtake each other. Frames are passed without their length field.
 */
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  decodeNativeRequest,
  decodeNativeResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  kafkaCorrelationId,
  nativeCorrelationId,
} from '@millrace/protocol'

export interface Wire {
  readonly name: WireName
  /** Whether responses must be sent in the order of their requests. */
  readonly ordered: boolean
  readonly decodeRequest: typeof decodeKafkaRequest
  readonly encodeResponse: typeof encodeKafkaResponse
  readonly encodeRequest: typeof encodeKafkaRequest
  readonly decodeResponse: typeof decodeKafkaResponse
  /** Of a response, before its API is known; null when the frame is too short to have one. */
  readonly correlationId: typeof kafkaCorrelationId
}

export type WireName = 'kafka' | 'native'

export const KAFKA_WIRE: Wire = {
  name: 'kafka',
  ordered: true,
  decodeRequest: decodeKafkaRequest,
  encodeResponse: encodeKafkaResponse,
  encodeRequest: encodeKafkaRequest,
  decodeResponse: decodeKafkaResponse,
  correlationId: kafkaCorrelationId,
}

export const NATIVE_WIRE: Wire = {
  name: 'native',
  ordered: false,
  decodeRequest: decodeNativeRequest,
  encodeResponse: encodeNativeResponse,
  encodeRequest: encodeNativeRequest,
  decodeResponse: decodeNativeResponse,
  correlationId: nativeCorrelationId,
}
