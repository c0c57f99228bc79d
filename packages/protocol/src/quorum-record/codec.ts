/**
 * Quorum records as key and value of a control record. The key is an int16 version, 0, and an int16 type; the value is
 * the fields in the compact encoding of the version that its first field names, without a frame around them.
 */
import { DecodeError } from '../decode-error.ts'
import { KafkaReader } from '../kafka/reader.ts'
import { recordCodec } from '../kafka/record-codec.ts'
import { KafkaWriter } from '../kafka/writer.ts'
import { EncodeError } from '../message.ts'
import { type QuorumRecord, quorumRecordSchema, quorumRecordSchemaByKey } from './quorum-record.ts'

const KEY_VERSION = 0
const KEY_BYTES = 4
const LENGTH_BYTES = 4

/** A control record that this software doesn't know: damaged, of a newer version, or not the quorum's. */
export interface UnknownQuorumRecord {
  readonly kind: 'unknown-record'
  readonly reason: string
}

export interface EncodedQuorumRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const writer = new KafkaWriter()

/**
 * @returns bytes that nobody writes to again
 * @throws EncodeError when there is no such `version`, or it lacks a field that is set
 */
export function encodeQuorumRecord(record: QuorumRecord): EncodedQuorumRecord {
  const schema = quorumRecordSchema(record.type)
  const codec = recordCodec(schema, record.version)
  if (codec === undefined) throw new EncodeError(`${record.type} has no version ${record.version}`)
  const key = Buffer.alloc(KEY_BYTES)
  key.writeInt16BE(KEY_VERSION, 0)
  key.writeInt16BE(schema.key, 2)
  writer.begin()
  codec.encode(writer, record)
  // No field is large enough to become a chunk of its own; the length in front is for requests.
  return { key, value: writer.finish()[0]!.subarray(LENGTH_BYTES) }
}

export function decodeQuorumRecord(
  key: Uint8Array | null,
  value: Uint8Array | null,
): QuorumRecord | UnknownQuorumRecord {
  try {
    return decode(readerOf(key, 'key'), readerOf(value, 'value'), readerOf(value, 'value'))
  } catch (error) {
    if (error instanceof DecodeError) return { kind: 'unknown-record', reason: error.message }
    throw error
  }
}

function readerOf(bytes: Uint8Array | null, part: string): KafkaReader {
  if (bytes === null) throw new DecodeError(`a control record without a ${part}`)
  return new KafkaReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

/** @param ahead a second reader of the value, for the version in front of it */
function decode(key: KafkaReader, ahead: KafkaReader, value: KafkaReader): QuorumRecord {
  const keyVersion = key.int16()
  if (keyVersion < 0) throw new DecodeError(`version ${keyVersion} of a control record's key`)
  // As in Kafka, a later version of the key may have more behind the type.
  const type = key.int16()
  const schema = quorumRecordSchemaByKey(type)
  if (schema === undefined) throw new DecodeError(`control record type ${type} is unknown`)
  const version = ahead.int16()
  const codec = recordCodec(schema, version)
  if (codec === undefined) throw new DecodeError(`version ${version} of ${schema.name} is unknown`)
  const record = codec.decode(value) as Record<string, unknown>
  value.finish()
  record['type'] = schema.name
  return record as unknown as QuorumRecord
}
