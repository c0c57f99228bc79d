/**
 * The inverse of the packer: compiles the fields of a message into closures that read it from a native frame's header, arity
 * and types of every value checked. Fields behind the end of an array get their defaults; values behind the last known field
 * come from a newer peer and are ignored.
 */
import { ZERO_UUID } from '@millrace/base'
import { DecodeError } from '../decode-error.ts'
import { defaultMaker } from '../schema/default-value.ts'
import { isNullable, type FieldSpec, type TypeSpec } from '../schema/field.ts'
import type { NativeReader } from './native-reader.ts'
import { byPosition, leastArity } from './struct-packer.ts'
import { isUuid, valueCheck } from './value-check.ts'

type Unpacker = (reader: NativeReader) => unknown

/** Makes a struct of the next `arity` values. */
export type FieldsUnpacker = (reader: NativeReader, arity: number) => object

export function fieldsUnpacker(fields: readonly FieldSpec[], name: string): FieldsUnpacker {
  const ordered = byPosition(fields)
  const names = ordered.map((field) => field.name)
  const unpackers = ordered.map(fieldUnpacker)
  const defaults = ordered.map(defaultMaker)
  const count = names.length
  const least = leastArity(fields)
  return (reader, arity) => {
    if (arity < least) throw new DecodeError(`${name} has ${arity} fields, not ${least}`)
    const struct: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) struct[names[i]!] = i < arity ? unpackers[i]!(reader) : defaults[i]!()
    for (let i = count; i < arity; i++) reader.ignore()
    return struct
  }
}

function fieldUnpacker(field: FieldSpec): Unpacker {
  const unpack = typeUnpacker(field.type, field.name)
  const nullable = isNullable(field)
  return (reader) => {
    if (!reader.takeNil()) return unpack(reader)
    if (!nullable) throw new DecodeError(`${field.name} is null`)
    return null
  }
}

function typeUnpacker(type: TypeSpec, name: string): Unpacker {
  switch (type.kind) {
    case 'array':
      return arrayUnpacker(type.element, name)
    case 'struct': {
      const unpackFields = fieldsUnpacker(type.fields, name)
      return (reader) => unpackFields(reader, reader.array(name))
    }
    case 'bytes':
    case 'records':
      return (reader) => reader.attachment(name)
    case 'uuid':
      return (reader) => {
        const value = reader.text(name)
        if (value === '') return ZERO_UUID
        if (!isUuid(value)) throw new DecodeError(`${name} is not a uuid`)
        return value
      }
    case 'bool':
      return (reader) => reader.bool(name)
    case 'string': {
      const isValid = valueCheck('string')
      return (reader) => {
        const value = reader.text(name)
        if (!isValid(value)) throw new DecodeError(`${name} is too long`)
        return value
      }
    }
    default: {
      const { kind } = type
      const isValid = valueCheck(kind)
      return (reader) => {
        const value = reader.number(name)
        if (!isValid(value)) throw new DecodeError(`${name} is not a ${kind}`)
        return value
      }
    }
  }
}

function arrayUnpacker(element: TypeSpec, name: string): Unpacker {
  const unpack = typeUnpacker(element, name)
  return (reader) => {
    const count = reader.array(name)
    const items: unknown[] = []
    for (let i = 0; i < count; i++) items.push(unpack(reader))
    return items
  }
}
