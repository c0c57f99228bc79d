/**
 * Compiles the fields of a message, for one version, into a tree of closures that write it to Kafka's wire.
 * A field left out is written as its default. A field that the version lacks may hold its default or be ignorable;
 * anything else is an `EncodeError`: the peer would act on less than was said.
 */
import { assert } from '@millrace/base'
import { EncodeError } from '../message.ts'
import { defaultMaker, defaultTest } from '../schema/default-value.ts'
import type { FieldSpec, ScalarKind, TypeSpec } from '../schema/field.ts'
import { includesVersion } from '../schema/version-range.ts'
import type { WireFormat } from './struct-decoder.ts'
import type { KafkaWriter } from './writer.ts'

export type Encoder = (writer: KafkaWriter, value: unknown) => void
type Struct = Readonly<Record<string, unknown>>

export function structEncoder(fields: readonly FieldSpec[], format: WireFormat): Encoder {
  const present = fields.filter((field) => includesVersion(field.versions, format.version))
  const plain = present.filter((field) => field.tag === null)
  const names = plain.map((field) => field.name)
  const encoders = plain.map((field) => fieldEncoder(field, format))
  const count = names.length
  const refuse = lossCheck(fields, format)
  const writeTags = format.flexible ? tagEncoder(present, format) : null
  return (writer, value) => {
    const struct = value as Struct
    if (refuse !== null) refuse(struct)
    for (let i = 0; i < count; i++) encoders[i]!(writer, struct[names[i]!])
    if (writeTags !== null) writeTags(writer, struct)
  }
}

/** Refuses values that the version has no place for; null when there can be none. */
function lossCheck(fields: readonly FieldSpec[], { version }: WireFormat): ((struct: Struct) => void) | null {
  const absent = fields
    .filter((field) => !field.ignorable && !includesVersion(field.versions, version))
    .map((field) => ({ name: field.name, isDefault: defaultTest(field) }))
  if (absent.length === 0) return null
  return (struct) => {
    for (const { name, isDefault } of absent) {
      if (!isDefault(struct[name])) throw new EncodeError(`version ${version} has no field ${name}`)
    }
  }
}

function tagEncoder(
  present: readonly FieldSpec[],
  format: WireFormat,
): (writer: KafkaWriter, struct: Struct) => void {
  const tagged = present
    .filter((field) => field.tag !== null)
    .sort((a, b) => a.tag! - b.tag!)
    .map((field) => {
      assert(!holdsBlob(field.type), `${field.name}: bytes and records can't be in a tagged field`)
      return {
        name: field.name,
        tag: field.tag!,
        isDefault: defaultTest(field),
        encode: fieldEncoder(field, format),
      }
    })
  if (tagged.length === 0) return (writer) => writer.bool(false)
  return (writer, struct) => {
    let count = 0
    for (const { name, isDefault } of tagged) if (!isDefault(struct[name])) count++
    writer.uvarint(count)
    if (count === 0) return
    for (const { name, tag, isDefault, encode } of tagged) {
      const value = struct[name]
      if (!isDefault(value)) writer.tagged(tag, () => encode(writer, value))
    }
  }
}

function holdsBlob(type: TypeSpec): boolean {
  if (type.kind === 'array') return holdsBlob(type.element)
  if (type.kind === 'struct') return type.fields.some((field) => holdsBlob(field.type))
  return type.kind === 'bytes' || type.kind === 'records'
}

function fieldEncoder(field: FieldSpec, format: WireFormat): Encoder {
  const nullable = includesVersion(field.nullable, format.version)
  const encode = typeEncoder(field.type, format, nullable, field.name)
  const defaultValue = defaultMaker(field)()
  return (writer, value) => encode(writer, value === undefined ? defaultValue : value)
}

function typeEncoder(type: TypeSpec, format: WireFormat, nullable: boolean, name: string): Encoder {
  switch (type.kind) {
    case 'string':
      return stringEncoder(format, nullable, name)
    case 'bytes':
    case 'records':
      return blobEncoder(format, nullable, name)
    case 'array':
      return arrayEncoder(type.element, format, nullable, name)
    case 'struct':
      return nullable ? nullableStructEncoder(type.fields, format) : structEncoder(type.fields, format)
    default:
      return scalarEncoder(type.kind)
  }
}

function nullableStructEncoder(fields: readonly FieldSpec[], format: WireFormat): Encoder {
  const encode = structEncoder(fields, format)
  return (writer, value) => {
    writer.int8(value === null ? -1 : 1)
    if (value !== null) encode(writer, value)
  }
}

function scalarEncoder(kind: Exclude<ScalarKind, 'string' | 'bytes' | 'records'>): Encoder {
  switch (kind) {
    case 'bool':
      return (writer, value) => writer.bool(value as boolean)
    case 'int8':
      return (writer, value) => writer.int8(value as number)
    case 'int16':
      return (writer, value) => writer.int16(value as number)
    case 'uint16':
      return (writer, value) => writer.uint16(value as number)
    case 'int32':
      return (writer, value) => writer.int32(value as number)
    case 'int64':
    case 'clampedInt64':
      return (writer, value) => writer.int64(value as number)
    case 'uuid':
      return (writer, value) => writer.uuid(value as Parameters<KafkaWriter['uuid']>[0])
  }
}

function stringEncoder({ flexible }: WireFormat, nullable: boolean, name: string): Encoder {
  return (writer, value) => {
    if (value !== null) writer.string(value as string, flexible)
    else if (!nullable) throw new EncodeError(`${name} must not be null`)
    else if (flexible) writer.uvarint(0)
    else writer.int16(-1)
  }
}

function blobEncoder({ flexible }: WireFormat, nullable: boolean, name: string): Encoder {
  return (writer, value) => {
    if (value === null) writeNull(writer, flexible, nullable, name)
    else if (value instanceof Uint8Array) writer.blob(value, flexible)
    else throw new EncodeError(`${name} must be bytes`)
  }
}

function arrayEncoder(element: TypeSpec, format: WireFormat, nullable: boolean, name: string): Encoder {
  const encode = typeEncoder(element, format, false, name)
  const { flexible } = format
  return (writer, value) => {
    if (value === null) return writeNull(writer, flexible, nullable, name)
    if (!Array.isArray(value)) throw new EncodeError(`${name} must be an array`)
    if (flexible) writer.uvarint(value.length + 1)
    else writer.int32(value.length)
    for (let i = 0; i < value.length; i++) encode(writer, value[i])
  }
}

function writeNull(writer: KafkaWriter, flexible: boolean, nullable: boolean, name: string): void {
  if (!nullable) throw new EncodeError(`${name} must not be null`)
  if (flexible) writer.uvarint(0)
  else writer.int32(-1)
}
