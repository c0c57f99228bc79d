/**
 * Whole messages on the native wire:
 *
 *     u32 length · u16 header length · msgpack header · attachments
 *
 * A header length of 0xffff says that the true one follows as u32. The header is one array: API key, version,
 * correlation id, in requests the client id, and then the fields of the message. Versions mean what they mean on
 * Kafka's wire, but every field travels in all of them. Decoders take a frame without its four length bytes, encoders
 * return chunks that start with them.
 */
import {
  apiNameOf,
  apiOf,
  type ApiName,
  type RequestInputOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../apis.ts'
import { DecodeError, orCorrupt } from '../decode-error.ts'
import type { BadRequest, CorruptFrame, DecodedRequest, DecodedResponse, RequestHeader } from '../message.ts'
import { includesVersion } from '../schema/version-range.ts'
import { nativeCodec } from './codec.ts'
import { NativeReader } from './native-reader.ts'
import { NativeWriter } from './native-writer.ts'
import { valueCheck } from './value-check.ts'

/** API key, version, correlation id; requests have the client id behind them. */
const RESPONSE_PREFIX = 3
const REQUEST_PREFIX = 4

const isInt16 = valueCheck('int16')
const isInt32 = valueCheck('int32')

const writer = new NativeWriter()

/** @throws EncodeError when a value is not of its declared type */
export function encodeNativeRequest<N extends ApiName>(
  api: N,
  version: number,
  { correlationId, clientId }: RequestHeader,
  body: RequestInputOf<N>,
): Uint8Array[] {
  const { packer } = nativeCodec(api, 'request')
  const arity = packer.arity(body)
  beginFrame(REQUEST_PREFIX + arity, apiOf(api).key, version, correlationId)
  if (clientId === null) writer.nil()
  else writer.text(clientId)
  packer.pack(body, arity, writer)
  return writer.finish()
}

/** Refuses versions that are declared but not served. */
export function decodeNativeRequest(frame: Buffer): DecodedRequest | BadRequest {
  return orCorrupt(() => {
    const reader = new NativeReader(frame)
    const { count, apiKey, version, correlationId } = openFrame(reader, REQUEST_PREFIX)
    const api = apiNameOf(apiKey)
    if (api === undefined) return { kind: 'unknown-api', apiKey }
    if (!includesVersion(apiOf(api).served, version)) {
      return { kind: 'unsupported-version', apiKey, version, correlationId }
    }
    const clientId = reader.takeNil() ? null : reader.text('the client id')
    const body = nativeCodec(api, 'request').unpack(reader, count - REQUEST_PREFIX)
    reader.finish()
    return { kind: 'request', api, version, correlationId, clientId, body } as DecodedRequest
  })
}

/**
 * @param version of the request that this answers, served or not
 * @throws EncodeError when a value is not of its declared type
 */
export function encodeNativeResponse<N extends ApiName>(
  api: N,
  version: number,
  correlationId: number,
  body: ResponseInputOf<N>,
): Uint8Array[] {
  const { packer } = nativeCodec(api, 'response')
  const arity = packer.arity(body)
  beginFrame(RESPONSE_PREFIX + arity, apiOf(api).key, version, correlationId)
  packer.pack(body, arity, writer)
  return writer.finish()
}

/** @param version of the request that this answers */
export function decodeNativeResponse<N extends ApiName>(
  api: N,
  version: number,
  frame: Buffer,
): DecodedResponse<N> | CorruptFrame {
  return orCorrupt(() => {
    const reader = new NativeReader(frame)
    const { count, apiKey, version: answered, correlationId } = openFrame(reader, RESPONSE_PREFIX)
    if (apiKey !== apiOf(api).key || answered !== version) {
      throw new DecodeError(`not the response to ${api} version ${version}`)
    }
    const body = nativeCodec(api, 'response').unpack(reader, count - RESPONSE_PREFIX) as ResponseOf<N>
    reader.finish()
    return { kind: 'response', correlationId, body }
  })
}

/** Of a response, without decoding the rest; null when the frame has none. */
export function nativeCorrelationId(frame: Buffer): number | null {
  const result = orCorrupt(() => openFrame(new NativeReader(frame), RESPONSE_PREFIX))
  return 'correlationId' in result ? result.correlationId : null
}

function beginFrame(count: number, apiKey: number, version: number, correlationId: number): void {
  writer.begin()
  writer.array(count)
  writer.integer(apiKey)
  writer.integer(version)
  writer.integer(correlationId)
}

interface FrameStart {
  /** Of values in the header, these included. */
  readonly count: number
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

/** @param least how many values the header must have */
function openFrame(reader: NativeReader, least: number): FrameStart {
  const count = reader.array('the header')
  if (count < least) throw new DecodeError(`a header of ${count} values`)
  const apiKey = reader.number('the API key')
  const version = reader.number('the version')
  const correlationId = reader.number('the correlation id')
  if (!isInt16(apiKey) || !isInt16(version) || !isInt32(correlationId)) {
    throw new DecodeError('the header does not start with API key, version and correlation id')
  }
  return { count, apiKey, version, correlationId }
}
