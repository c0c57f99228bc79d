/**
 * Compiles the fields of a message, for one version, into a tree of closures that read it from Kafka's wire.
 * Every object a decoder makes has all declared fields in order of declaration, whatever the version, so that the
 * engine sees one shape for each struct.
 */
import { assert } from '@millrace/base'
import { DecodeError } from '../decode-error.ts'
import { defaultMaker } from '../schema/default-value.ts'
import type { FieldSpec, TypeSpec } from '../schema/field.ts'
import { includesVersion } from '../schema/version-range.ts'
import type { KafkaReader } from './reader.ts'

export type Decoder = (reader: KafkaReader) => unknown
type Struct = Record<string, unknown>

export interface WireFormat {
  readonly version: number
  /** Compact lengths, and tagged fields at the end of every struct. */
  readonly flexible: boolean
}

export function structDecoder(fields: readonly FieldSpec[], format: WireFormat): Decoder {
  const names = fields.map((field) => field.name)
  const decoders = fields.map((field) =>
    isPlain(field, format) ? fieldDecoder(field, format) : defaultMaker(field),
  )
  const count = names.length
  const readTag = format.flexible ? tagDecoder(fields, format) : null
  return (reader) => {
    const value: Struct = {}
    for (let i = 0; i < count; i++) value[names[i]!] = decoders[i]!(reader)
    if (readTag !== null) readTags(reader, value, readTag)
    return value
  }
}

/** Whether the field is written in line in this version; else it is tagged or absent. */
function isPlain(field: FieldSpec, { version }: WireFormat): boolean {
  return field.tag === null && includesVersion(field.versions, version)
}

type TagDecoder = (tag: number, reader: KafkaReader, value: Struct) => boolean

function readTags(reader: KafkaReader, value: Struct, readTag: TagDecoder): void {
  // Nearly always there are none: one byte.
  if (reader.remaining > 0 && reader.bytes[reader.position] === 0) reader.position++
  else reader.taggedFields((tag, tagged) => readTag(tag, tagged, value))
}

function tagDecoder(fields: readonly FieldSpec[], format: WireFormat): TagDecoder {
  const known = new Map<number, { name: string; decode: Decoder }>()
  for (const field of fields) {
    if (field.tag === null || !includesVersion(field.versions, format.version)) continue
    known.set(field.tag, { name: field.name, decode: fieldDecoder(field, format) })
  }
  return (tag, reader, value) => {
    const field = known.get(tag)
    if (field === undefined) return false
    value[field.name] = field.decode(reader)
    return true
  }
}

function fieldDecoder(field: FieldSpec, format: WireFormat): Decoder {
  return typeDecoder(field.type, format, includesVersion(field.nullable, format.version), field.name)
}

function typeDecoder(type: TypeSpec, format: WireFormat, nullable: boolean, name: string): Decoder {
  switch (type.kind) {
    case 'bool':
      return (reader) => reader.bool()
    case 'int8':
      return (reader) => reader.int8()
    case 'int16':
      return (reader) => reader.int16()
    case 'uint16':
      return (reader) => reader.uint16()
    case 'int32':
      return (reader) => reader.int32()
    case 'int64':
      return (reader) => reader.int64()
    case 'clampedInt64':
      return (reader) => reader.clampedInt64()
    case 'uuid':
      return (reader) => reader.uuid()
    case 'string':
      return stringDecoder(format, nullable, name)
    case 'bytes':
    case 'records':
      return blobDecoder(format, nullable, name)
    case 'array':
      return arrayDecoder(type.element, format, nullable, name)
    case 'struct':
      return nullable ? nullableStructDecoder(type.fields, format) : structDecoder(type.fields, format)
  }
}

function nullableStructDecoder(fields: readonly FieldSpec[], format: WireFormat): Decoder {
  const decode = structDecoder(fields, format)
  return (reader) => (reader.int8() < 0 ? null : decode(reader))
}

function stringDecoder({ flexible }: WireFormat, nullable: boolean, name: string): Decoder {
  return (reader) => {
    const length = flexible ? reader.compactLength() : reader.length16()
    return length < 0 ? allowNull(nullable, name) : reader.string(length)
  }
}

function blobDecoder({ flexible }: WireFormat, nullable: boolean, name: string): Decoder {
  return (reader) => {
    const length = flexible ? reader.compactLength() : reader.length32()
    return length < 0 ? allowNull(nullable, name) : reader.view(length)
  }
}

function arrayDecoder(element: TypeSpec, format: WireFormat, nullable: boolean, name: string): Decoder {
  const decode = typeDecoder(element, format, false, name)
  const leastBytes = leastSize(element, format)
  assert(leastBytes > 0, `${name}: elements without bytes can't be counted`)
  const { flexible } = format
  return (reader) => {
    const count = flexible ? reader.compactLength() : reader.length32()
    if (count < 0) return allowNull(nullable, name)
    if (count * leastBytes > reader.remaining) {
      throw new DecodeError(`${name}: ${count} elements in ${reader.remaining} bytes`)
    }
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(decode(reader))
    return values
  }
}

function allowNull(nullable: boolean, name: string): null {
  if (!nullable) throw new DecodeError(`${name} is null`)
  return null
}

/** The fewest bytes that a value can take, which bounds how many of them a frame can hold. */
function leastSize(type: TypeSpec, format: WireFormat): number {
  switch (type.kind) {
    case 'bool':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
      return 4
    case 'int64':
    case 'clampedInt64':
      return 8
    case 'uuid':
      return 16
    case 'string':
      return format.flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'array':
      return format.flexible ? 1 : 4
    case 'struct':
      return type.fields
        .filter((field) => isPlain(field, format))
        .reduce((sum, field) => sum + leastFieldSize(field, format), format.flexible ? 1 : 0)
  }
}

function leastFieldSize({ type, nullable }: FieldSpec, format: WireFormat): number {
  const mayBeNull = type.kind === 'struct' && includesVersion(nullable, format.version)
  return mayBeNull ? 1 : leastSize(type, format)
}
