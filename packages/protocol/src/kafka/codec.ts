/** The compiled decoders and encoders of every API, by version; each is compiled when it is first needed. */
import { type ApiName, apiOf } from '../apis.ts'
import type { Api } from '../schema/define-api.ts'
import { includesVersion } from '../schema/version-range.ts'
import { structDecoder, type Decoder, type WireFormat } from './struct-decoder.ts'
import { structEncoder, type Encoder } from './struct-encoder.ts'

type Direction = 'request' | 'response'

export interface MessageCodec extends WireFormat {
  readonly decode: Decoder
  readonly encode: Encoder
}

const codecs = new Map<ApiName, Record<Direction, (MessageCodec | undefined)[]>>()

/** @returns the codec, or undefined when the API declares no such version */
export function kafkaCodec(name: ApiName, direction: Direction, version: number): MessageCodec | undefined {
  let ofApi = codecs.get(name)
  if (ofApi === undefined) codecs.set(name, (ofApi = { request: [], response: [] }))
  return (ofApi[direction][version] ??= compile(apiOf(name), direction, version))
}

function compile(api: Api, direction: Direction, version: number): MessageCodec | undefined {
  if (!includesVersion(api.versions, version)) return undefined
  const format = { version, flexible: includesVersion(api.flexible, version) }
  const fields = api[direction]
  return { ...format, decode: structDecoder(fields, format), encode: structEncoder(fields, format) }
}
