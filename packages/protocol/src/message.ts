/**
 * What decoding a frame yields, whichever wire it came by. A peer's mistakes are values here, never exceptions.
 */
import type { ApiName, RequestOf, ResponseOf } from './apis.ts'

interface RequestMessage<N extends ApiName> {
  readonly kind: 'request'
  readonly api: N
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Its `records` and `bytes` are views of the frame: copy what outlives the frame's memory. */
  readonly body: RequestOf<N>
}

/** Discriminated by `api`. */
export type DecodedRequest = { [N in ApiName]: RequestMessage<N> }[ApiName]

export interface DecodedResponse<N extends ApiName> {
  readonly kind: 'response'
  readonly correlationId: number
  /** Its `records` and `bytes` are views of the frame: copy what outlives the frame's memory. */
  readonly body: ResponseOf<N>
}

/** The frame breaks the protocol: nothing after it on this connection can be trusted. */
export interface CorruptFrame {
  readonly kind: 'corrupt'
  readonly reason: string
}

export interface UnknownApi {
  readonly kind: 'unknown-api'
  readonly apiKey: number
}

/**
 * A known API in a version that is not served. ApiVersions (key 18) is answered with
 * `encodeUnsupportedApiVersions`; for any other API the connection is closed, as Kafka does.
 */
export interface UnsupportedVersion {
  readonly kind: 'unsupported-version'
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

export type BadRequest = CorruptFrame | UnknownApi | UnsupportedVersion

/**
 * A message that can't be encoded: a field that the chosen version lacks has a value that must not be dropped, or a
 * value is not of its declared type. The caller chose the wrong version or has a bug; no peer causes this.
 */
export class EncodeError extends Error {
  override readonly name = 'EncodeError'
}

export interface RequestHeader {
  readonly correlationId: number
  readonly clientId: string | null
}
