/** The compiled decoders and encoders of the records in the metadata log, by version; compiled when first needed. */
import type { RecordSchema } from '../schema/define-record.ts'
import { includesVersion } from '../schema/version-range.ts'
import type { MessageCodec } from './codec.ts'
import { structDecoder } from './struct-decoder.ts'
import { structEncoder } from './struct-encoder.ts'

const codecs = new Map<RecordSchema, (MessageCodec | undefined)[]>()

/** @returns the codec, or undefined when the schema declares no such version */
export function recordCodec(schema: RecordSchema, version: number): MessageCodec | undefined {
  if (!includesVersion(schema.versions, version)) return undefined
  let ofSchema = codecs.get(schema)
  if (ofSchema === undefined) codecs.set(schema, (ofSchema = []))
  return (ofSchema[version] ??= compile(schema, version))
}

function compile({ fields }: RecordSchema, version: number): MessageCodec {
  const format = { version, flexible: true }
  return { ...format, decode: structDecoder(fields, format), encode: structEncoder(fields, format) }
}
