/**
 * Compiles the fields of a message into closures that turn it into nested arrays for msgpack. A struct is an array
 * with each field at its position, whatever the API version; optional fields at the end are left out while they hold
 * their defaults. A uuid is its text, the zero uuid the empty one. Bytes and records travel beside the header as
 * attachments: the array has their length, or null.
 */
import { ZERO_UUID } from '@millrace/base'
import { EncodeError } from '../message.ts'
import { defaultMaker, defaultTest } from '../schema/default-value.ts'
import { isNullable, type FieldSpec, type TypeSpec } from '../schema/field.ts'
import { isUuid, valueCheck } from './value-check.ts'

export type Attachments = Uint8Array[]
type Packer = (value: unknown, attachments: Attachments) => unknown
type Struct = Readonly<Record<string, unknown>>

/** Appends the fields of a struct to `target`. */
export type FieldsPacker = (struct: unknown, target: unknown[], attachments: Attachments) => void

export function byPosition(fields: readonly FieldSpec[]): FieldSpec[] {
  return [...fields].sort((a, b) => a.position - b.position)
}

/** How many fields an array must have at least: up to the last one that can't be left out. */
export function leastArity(fields: readonly FieldSpec[]): number {
  return fields.reduce((least, field) => (field.optional ? least : Math.max(least, field.position + 1)), 0)
}

export function fieldsPacker(fields: readonly FieldSpec[]): FieldsPacker {
  const ordered = byPosition(fields)
  const names = ordered.map((field) => field.name)
  const packers = ordered.map(fieldPacker)
  const tests = ordered.map(defaultTest)
  const least = leastArity(fields)
  return (value, target, attachments) => {
    const struct = value as Struct
    let arity = names.length
    while (arity > least && tests[arity - 1]!(struct[names[arity - 1]!])) arity--
    for (let i = 0; i < arity; i++) target.push(packers[i]!(struct[names[i]!], attachments))
  }
}

function fieldPacker(field: FieldSpec): Packer {
  const { name, type } = field
  const nullable = isNullable(field)
  const defaultValue = defaultMaker(field)()
  const pack = typePacker(type, name)
  return (given, attachments) => {
    const value = given === undefined ? defaultValue : given
    if (value !== null) return pack(value, attachments)
    if (!nullable) throw new EncodeError(`${name} must not be null`)
    return null
  }
}

function typePacker(type: TypeSpec, name: string): Packer {
  switch (type.kind) {
    case 'array':
      return arrayPacker(type.element, name)
    case 'struct':
      return structPacker(type.fields)
    case 'bytes':
    case 'records':
      return (value, attachments) => {
        if (!(value instanceof Uint8Array)) throw new EncodeError(`${name} must be bytes`)
        attachments.push(value)
        return value.length
      }
    case 'uuid':
      return (value) => {
        if (!isUuid(value)) throw new EncodeError(`${name}: ${String(value)} is not a uuid`)
        return value === ZERO_UUID ? '' : value
      }
    default: {
      const { kind } = type
      const isValid = valueCheck(kind)
      return (value) => {
        if (!isValid(value)) throw new EncodeError(`${name}: ${String(value)} is not a ${kind}`)
        return value
      }
    }
  }
}

function structPacker(fields: readonly FieldSpec[]): Packer {
  const packFields = fieldsPacker(fields)
  return (value, attachments) => {
    const packed: unknown[] = []
    packFields(value, packed, attachments)
    return packed
  }
}

function arrayPacker(element: TypeSpec, name: string): Packer {
  const pack = typePacker(element, name)
  return (value, attachments) => {
    if (!Array.isArray(value)) throw new EncodeError(`${name} must be an array`)
    const packed: unknown[] = []
    for (const item of value) packed.push(pack(item, attachments))
    return packed
  }
}
