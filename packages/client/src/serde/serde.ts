/**
 * How keys and values become bytes and come back. A serde is two pure functions; the same one is used by producers
 * and consumers through a typed topic. The formats are those of Kafka's own serializers of the same name, so that
 * other clients read what these wrote.
 */
import { readInt64, writeInt64 } from '@millrace/base'

/**
 * `Out` is what consumers get, `In` is what producers pass; they differ only where a schema transforms.
 *
 * @example A serde of your own
 * ```ts
 * const date: Serde<Date> = {
 *   encode: (value) => value.toISOString(),
 *   decode: (bytes) => new Date((bytes ?? '').toString()),
 * }
 * ```
 */
export interface Serde<Out, In = Out> {
  /** A string is stored as UTF-8; null is stored as null (a tombstone in a compacted topic). Throws on bad input. */
  encode(value: In): string | Uint8Array | null
  /** `bytes` is a view of the fetched batch: copy what must outlive it. Throws when the bytes are not of this kind. */
  decode(bytes: Buffer | null): Out
}

/** What may be stored without a serde. Strings become UTF-8. */
export type RawInput = string | Uint8Array | null

/** Anything that can be stored, as bytes; the serde of topics that are given by name only. */
export function raw(): Serde<Buffer | null, RawInput> {
  return rawSerde
}

/** UTF-8 text. */
export function string(): Serde<string> {
  return stringSerde
}

/** Bytes as they are. What a consumer gets is a view of the fetched batch: copy it to keep it long. */
export function bytes(): Serde<Buffer, Uint8Array> {
  return bytesSerde
}

/** Signed 32-bit integer, 4 bytes, big-endian. */
export function int32(): Serde<number> {
  return int32Serde
}

/** Signed integer, 8 bytes, big-endian, within ±2^53 (what a JavaScript number holds exactly). */
export function int64(): Serde<number> {
  return int64Serde
}

/** A uuid in its 36-character text form, as Kafka's UUIDSerializer writes it. */
export function uuid(): Serde<string> {
  return uuidSerde
}

/**
 * Allows null beside what `inner` holds: tombstones of a compacted topic, optional keys.
 *
 * @example
 * ```ts
 * const profiles = topic('profiles', { key: string(), value: nullable(json(profileSchema)) })
 * await producer.send(profiles, { key: 'ada', value: null })
 * ```
 */
export function nullable<Out, In>(inner: Serde<Out, In>): Serde<Out | null, In | null> {
  return {
    encode: (value) => (value === null ? null : inner.encode(value)),
    decode: (stored) => (stored === null ? null : inner.decode(stored)),
  }
}

/** For serdes without a null of their own. */
export function requireBytes(stored: Buffer | null): Buffer {
  if (stored === null) throw new TypeError('it is null: wrap the serde in nullable(...) to accept nulls')
  return stored
}

const rawSerde: Serde<Buffer | null, RawInput> = {
  encode: (value) => value,
  decode: (stored) => stored,
}

const stringSerde: Serde<string> = {
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`expected a string, got ${typeof value}`)
    return value
  },
  decode: (stored) => requireBytes(stored).toString('utf8'),
}

const bytesSerde: Serde<Buffer, Uint8Array> = {
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, got ${typeof value}`)
    return value
  },
  decode: requireBytes,
}

const int32Serde: Serde<number> = {
  encode(value) {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff) {
      throw new TypeError(`expected an integer of 32 bits, got ${value}`)
    }
    const encoded = Buffer.allocUnsafe(4)
    encoded.writeInt32BE(value, 0)
    return encoded
  },
  decode: (stored) => requireLength(stored, 4).readInt32BE(0),
}

const int64Serde: Serde<number> = {
  encode(value) {
    if (!Number.isSafeInteger(value)) throw new TypeError(`expected an integer within ±2^53, got ${value}`)
    const encoded = Buffer.allocUnsafe(8)
    writeInt64(encoded, value, 0)
    return encoded
  },
  decode(stored) {
    const value = readInt64(requireLength(stored, 8), 0)
    if (!Number.isSafeInteger(value)) throw new TypeError('the integer is beyond ±2^53: read it with bytes()')
    return value
  },
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const uuidSerde: Serde<string> = {
  encode: requireUuid,
  decode: (stored) => requireUuid(requireBytes(stored).toString('latin1')),
}

function requireUuid(text: string): string {
  if (!UUID_PATTERN.test(text)) throw new TypeError(`expected a uuid, got ${JSON.stringify(text)}`)
  return text
}

function requireLength(stored: Buffer | null, length: number): Buffer {
  const present = requireBytes(stored)
  if (present.length !== length) throw new TypeError(`expected ${length} bytes, got ${present.length}`)
  return present
}
