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
import { checkHeader, peekInteger } from './header-check.ts'
import { msgpack } from './msgpack.ts'
import type { Attachments } from './struct-packer.ts'
import { AttachmentReader } from './struct-unpacker.ts'
import { valueCheck } from './value-check.ts'

const FRAME_LENGTH_BYTES = 4
const HEADER_LENGTH_BYTES = 2
const LONG_HEADER = 0xffff

const isInt16 = (value: unknown): value is number => valueCheck('int16')(value)
const isInt32 = (value: unknown): value is number => valueCheck('int32')(value)
const isString = valueCheck('string')

/** @throws EncodeError when a value is not of its declared type */
export function encodeNativeRequest<N extends ApiName>(
  api: N,
  version: number,
  { correlationId, clientId }: RequestHeader,
  body: RequestInputOf<N>,
): Uint8Array[] {
  const header: unknown[] = [apiOf(api).key, version, correlationId, clientId]
  const attachments: Attachments = []
  nativeCodec(api, 'request').pack(body, header, attachments)
  return packFrame(header, attachments)
}

/** Refuses versions that are declared but not served. */
export function decodeNativeRequest(frame: Buffer): DecodedRequest | BadRequest {
  return orCorrupt(() => {
    const { apiKey, version, correlationId, values, attachments } = unpackFrame(frame)
    const api = apiNameOf(apiKey)
    if (api === undefined) return { kind: 'unknown-api', apiKey }
    if (!includesVersion(apiOf(api).served, version)) {
      return { kind: 'unsupported-version', apiKey, version, correlationId }
    }
    const clientId = values[3]
    if (clientId !== null && !isString(clientId)) throw new DecodeError('the client id is not a string')
    const body = nativeCodec(api, 'request').unpack(values, 4, attachments)
    attachments.finish()
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
  const header: unknown[] = [apiOf(api).key, version, correlationId]
  const attachments: Attachments = []
  nativeCodec(api, 'response').pack(body, header, attachments)
  return packFrame(header, attachments)
}

/** @param version of the request that this answers */
export function decodeNativeResponse<N extends ApiName>(
  api: N,
  version: number,
  frame: Buffer,
): DecodedResponse<N> | CorruptFrame {
  return orCorrupt(() => {
    const { apiKey, version: answered, correlationId, values, attachments } = unpackFrame(frame)
    if (apiKey !== apiOf(api).key || answered !== version) {
      throw new DecodeError(`not the response to ${api} version ${version}`)
    }
    const body = nativeCodec(api, 'response').unpack(values, 3, attachments) as ResponseOf<N>
    attachments.finish()
    return { kind: 'response', correlationId, body }
  })
}

/** Of a response, without decoding the rest; null when the frame has none. */
export function nativeCorrelationId(frame: Buffer): number | null {
  const result = orCorrupt(() => {
    const { start, end } = headerBounds(frame)
    return peekInteger(frame.subarray(0, end), start, 2)
  })
  return typeof result === 'number' ? result : null
}

function packFrame(header: readonly unknown[], attachments: Attachments): Uint8Array[] {
  const reserved = FRAME_LENGTH_BYTES + HEADER_LENGTH_BYTES
  const { packr, RESERVE_START_SPACE } = msgpack()
  const packed = packr.pack(header, RESERVE_START_SPACE | reserved)
  const headerBytes = packed.length - reserved
  const chunks: Uint8Array[] = [packed]
  let bodyBytes = packed.length - FRAME_LENGTH_BYTES
  for (const attachment of attachments) {
    if (attachment.length === 0) continue
    bodyBytes += attachment.length
    chunks.push(attachment)
  }
  if (headerBytes < LONG_HEADER) {
    packed.writeUInt32BE(bodyBytes, 0)
    packed.writeUInt16BE(headerBytes, FRAME_LENGTH_BYTES)
    return chunks
  }
  const lengths = Buffer.allocUnsafe(reserved + 4)
  lengths.writeUInt32BE(bodyBytes + 4, 0)
  lengths.writeUInt16BE(LONG_HEADER, FRAME_LENGTH_BYTES)
  lengths.writeUInt32BE(headerBytes, reserved)
  chunks[0] = packed.subarray(reserved)
  return [lengths, ...chunks]
}

interface UnpackedFrame {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  /** The header array: the three above, in requests the client id, then the fields. */
  readonly values: readonly unknown[]
  readonly attachments: AttachmentReader
}

function unpackFrame(frame: Buffer): UnpackedFrame {
  const { start, end } = headerBounds(frame)
  checkHeader(frame, start, end)
  const values: unknown = msgpack().unpackr.unpack(frame, { start, end })
  if (!Array.isArray(values)) throw new DecodeError('the header is not an array')
  const apiKey: unknown = values[0]
  const version: unknown = values[1]
  const correlationId: unknown = values[2]
  if (!isInt16(apiKey) || !isInt16(version) || !isInt32(correlationId)) {
    throw new DecodeError('the header does not start with API key, version and correlation id')
  }
  return { apiKey, version, correlationId, values, attachments: new AttachmentReader(frame, end) }
}

function headerBounds(frame: Buffer): { start: number; end: number } {
  if (frame.length < HEADER_LENGTH_BYTES) throw new DecodeError('the frame has no header length')
  let start = HEADER_LENGTH_BYTES
  let size = frame.readUInt16BE(0)
  if (size === LONG_HEADER) {
    if (frame.length < start + 4) throw new DecodeError('the frame has no long header length')
    size = frame.readUInt32BE(start)
    start += 4
  }
  if (size > frame.length - start) {
    throw new DecodeError(`a header of ${size} bytes in a frame of ${frame.length}`)
  }
  return { start, end: start + size }
}
