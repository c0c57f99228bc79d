/**
 * Metadata records as bytes: the value of a record in the metadata log. Framed as Kafka does (KIP-631): unsigned
 * varints of frame version, record key and record version, then the fields in the compact encoding. Always written in
 * the highest version declared.
 */
import { DecodeError } from '../decode-error.ts'
import { KafkaReader } from '../kafka/reader.ts'
import { recordCodec } from '../kafka/record-codec.ts'
import { KafkaWriter } from '../kafka/writer.ts'
import { type MetadataRecord, recordSchema, recordSchemaByKey } from './metadata-record.ts'

const FRAME_VERSION = 1
const LENGTH_BYTES = 4

/** Bytes that are no record this software knows: damaged, or written by a newer version. */
export interface UnknownMetadataRecord {
  readonly kind: 'unknown-record'
  readonly reason: string
}

const writer = new KafkaWriter()

/** @returns bytes that nobody writes to again */
export function encodeMetadataRecord(record: MetadataRecord): Uint8Array {
  const schema = recordSchema(record.type)
  writer.begin()
  writer.uvarint(FRAME_VERSION)
  writer.uvarint(schema.key)
  writer.uvarint(schema.versions.max)
  recordCodec(schema, schema.versions.max)!.encode(writer, record)
  // No field is large enough to become a chunk of its own; the length in front is for requests.
  return writer.finish()[0]!.subarray(LENGTH_BYTES)
}

export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord | UnknownMetadataRecord {
  try {
    return decode(new KafkaReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
  } catch (error) {
    if (error instanceof DecodeError) return { kind: 'unknown-record', reason: error.message }
    throw error
  }
}

function decode(reader: KafkaReader): MetadataRecord {
  const frameVersion = reader.uvarint()
  if (frameVersion !== FRAME_VERSION) throw new DecodeError(`frame version ${frameVersion} is unknown`)
  const key = reader.uvarint()
  const schema = recordSchemaByKey(key)
  if (schema === undefined) throw new DecodeError(`record key ${key} is unknown`)
  const version = reader.uvarint()
  const codec = recordCodec(schema, version)
  if (codec === undefined) throw new DecodeError(`version ${version} of ${schema.name} is unknown`)
  const record = codec.decode(reader) as Record<string, unknown>
  reader.finish()
  record['type'] = schema.name
  return record as unknown as MetadataRecord
}
