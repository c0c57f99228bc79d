/**
 * Whole messages on Kafka's wire. Decoders take a frame without its four length bytes, encoders return chunks that
 * start with them. Request headers are version 1, or 2 in flexible versions; response headers 0 or 1, except that
 * ApiVersions responses always have 0. Bytes behind a body are ignored, as Kafka does: librdkafka 2.15 sends three
 * of them when it asks for the metadata of all topics.
 */
import {
  apiNameOf,
  apiOf,
  type ApiName,
  type RequestInputOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../apis.ts'
import { orCorrupt } from '../decode-error.ts'
import { ErrorCode } from '../error-code.ts'
import {
  EncodeError,
  type BadRequest,
  type CorruptFrame,
  type DecodedRequest,
  type DecodedResponse,
  type RequestHeader,
} from '../message.ts'
import { includesVersion } from '../schema/version-range.ts'
import { kafkaCodec, type MessageCodec } from './codec.ts'
import { KafkaReader } from './reader.ts'
import { KafkaWriter } from './writer.ts'

const writer = new KafkaWriter()

/** Refuses versions that are declared but not served. */
export function decodeKafkaRequest(frame: Buffer): DecodedRequest | BadRequest {
  return orCorrupt(() => {
    const reader = new KafkaReader(frame)
    const apiKey = reader.int16()
    const version = reader.int16()
    const correlationId = reader.int32()
    const api = apiNameOf(apiKey)
    if (api === undefined) return { kind: 'unknown-api', apiKey }
    if (!includesVersion(apiOf(api).served, version)) {
      return { kind: 'unsupported-version', apiKey, version, correlationId }
    }
    const codec = declaredCodec(api, 'request', version)
    const clientIdLength = reader.length16()
    const clientId = clientIdLength < 0 ? null : reader.string(clientIdLength)
    if (codec.flexible) reader.taggedFields(() => false)
    const body = codec.decode(reader)
    return { kind: 'request', api, version, correlationId, clientId, body } as DecodedRequest
  })
}

/**
 * @param version of the request that this answers
 * @throws EncodeError when the version lacks a field that `body` sets
 */
export function encodeKafkaResponse<N extends ApiName>(
  api: N,
  version: number,
  correlationId: number,
  body: ResponseInputOf<N>,
): Uint8Array[] {
  const codec = declaredCodec(api, 'response', version)
  writer.begin()
  writer.int32(correlationId)
  if (hasTaggedResponseHeader(api, codec)) writer.uvarint(0)
  codec.encode(writer, body)
  return writer.finish()
}

/**
 * The answer to an ApiVersions request of a version that is not served: in version 0, which every client reads, and
 * with the versions of ApiVersions itself, so that the client can ask again (KIP-511).
 */
export function encodeUnsupportedApiVersions(correlationId: number): Uint8Array[] {
  const { key, advertised } = apiOf('ApiVersions')
  return encodeKafkaResponse('ApiVersions', 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: key, minVersion: advertised.min, maxVersion: advertised.max }],
  })
}

/** @throws EncodeError when the version lacks a field that `body` sets */
export function encodeKafkaRequest<N extends ApiName>(
  api: N,
  version: number,
  header: RequestHeader,
  body: RequestInputOf<N>,
): Uint8Array[] {
  const codec = declaredCodec(api, 'request', version)
  writer.begin()
  writer.int16(apiOf(api).key)
  writer.int16(version)
  writer.int32(header.correlationId)
  // Never compact, so that a broker can read it whatever the version.
  if (header.clientId === null) writer.int16(-1)
  else writer.string(header.clientId, false)
  if (codec.flexible) writer.uvarint(0)
  codec.encode(writer, body)
  return writer.finish()
}

/**
 * @param version of the request that this answers. A refusal of an ApiVersions request is understood in any version;
 * its list of versions may be empty.
 */
export function decodeKafkaResponse<N extends ApiName>(
  api: N,
  version: number,
  frame: Buffer,
): DecodedResponse<N> | CorruptFrame {
  return api === 'ApiVersions' && isRefusal(frame)
    ? decodeResponseBody(api, 0, readableRefusal(frame))
    : decodeResponseBody(api, version, frame)
}

function decodeResponseBody<N extends ApiName>(
  api: N,
  version: number,
  frame: Buffer,
): DecodedResponse<N> | CorruptFrame {
  const codec = declaredCodec(api, 'response', version)
  return orCorrupt(() => {
    const reader = new KafkaReader(frame)
    const correlationId = reader.int32()
    if (hasTaggedResponseHeader(api, codec)) reader.taggedFields(() => false)
    const body = codec.decode(reader) as ResponseOf<N>
    return { kind: 'response', correlationId, body }
  })
}

/** Of a response, without decoding it; null when the frame is too short to have one. */
export function kafkaCorrelationId(frame: Buffer): number | null {
  return frame.length < 4 ? null : frame.readInt32BE(0)
}

const REFUSAL_HEAD_BYTES = 6

/** Whether an ApiVersions response says that its version is not served. */
function isRefusal(frame: Buffer): boolean {
  return (
    frame.length >= REFUSAL_HEAD_BYTES &&
    frame.readInt16BE(REFUSAL_HEAD_BYTES - 2) === ErrorCode.UNSUPPORTED_VERSION
  )
}

/** The refusal in version 0. Some brokers' have another shape behind the error code: then without their versions. */
function readableRefusal(frame: Buffer): Buffer {
  const listStart = REFUSAL_HEAD_BYTES + 4
  const isReadable =
    frame.length >= listStart && frame.length >= listStart + 6 * frame.readUInt32BE(REFUSAL_HEAD_BYTES)
  return isReadable ? frame : Buffer.concat([frame.subarray(0, REFUSAL_HEAD_BYTES), Buffer.alloc(4)])
}

function hasTaggedResponseHeader(api: ApiName, codec: MessageCodec): boolean {
  return codec.flexible && api !== 'ApiVersions'
}

function declaredCodec(api: ApiName, direction: 'request' | 'response', version: number): MessageCodec {
  const codec = kafkaCodec(api, direction, version)
  if (codec === undefined) throw new EncodeError(`${api} has no version ${version}`)
  return codec
}
