/**
 * Compiles the fields of a message into closures that write it into a native frame's header. A struct is an array with
 * each field at its position, whatever the API version; optional fields at the end are left out while they hold their
 * defaults. A uuid is its text, the zero uuid the empty one. Bytes and records travel beside the header as attachments:
 * the array has their length, or nil.
 */
import { ZERO_UUID } from '@millrace/base'
import { EncodeError } from '../message.ts'
import { defaultMaker, defaultTest } from '../schema/default-value.ts'
import { isNullable, type FieldSpec, type TypeSpec } from '../schema/field.ts'
import type { NativeWriter } from './native-writer.ts'
import { isUuid, valueCheck } from './value-check.ts'

type Packer = (value: unknown, writer: NativeWriter) => void
type Struct = Readonly<Record<string, unknown>>

export interface FieldsPacker {
  /** How many fields have to be written. */
  arity(struct: unknown): number
  /** Writes so many fields, one behind the other. */
  pack(struct: unknown, arity: number, writer: NativeWriter): void
}

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
  return {
    arity(struct) {
      let arity = names.length
      while (arity > least && tests[arity - 1]!((struct as Struct)[names[arity - 1]!])) arity--
      return arity
    },
    pack(struct, arity, writer) {
      for (let i = 0; i < arity; i++) packers[i]!((struct as Struct)[names[i]!], writer)
    },
  }
}

function fieldPacker(field: FieldSpec): Packer {
  const { name, type } = field
  const nullable = isNullable(field)
  const defaultValue = defaultMaker(field)()
  const pack = typePacker(type, name)
  return (given, writer) => {
    const value = given === undefined ? defaultValue : given
    if (value !== null) pack(value, writer)
    else if (nullable) writer.nil()
    else throw new EncodeError(`${name} must not be null`)
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
      return (value, writer) => {
        if (!(value instanceof Uint8Array)) throw new EncodeError(`${name} must be bytes`)
        writer.attachment(value)
      }
    case 'uuid':
      return (value, writer) => {
        if (!isUuid(value)) throw notA('uuid', name, value)
        writer.text(value === ZERO_UUID ? '' : (value as string))
      }
    case 'bool':
      return (value, writer) => {
        if (typeof value !== 'boolean') throw notA('bool', name, value)
        writer.bool(value)
      }
    case 'string': {
      const isValid = valueCheck('string')
      return (value, writer) => {
        if (!isValid(value)) throw notA('string', name, value)
        writer.text(value as string)
      }
    }
    default: {
      const { kind } = type
      const isValid = valueCheck(kind)
      return (value, writer) => {
        if (!isValid(value)) throw notA(kind, name, value)
        writer.integer(value as number)
      }
    }
  }
}

function structPacker(fields: readonly FieldSpec[]): Packer {
  const { arity, pack } = fieldsPacker(fields)
  return (value, writer) => {
    const count = arity(value)
    writer.array(count)
    pack(value, count, writer)
  }
}

function arrayPacker(element: TypeSpec, name: string): Packer {
  const pack = typePacker(element, name)
  return (value, writer) => {
    if (!Array.isArray(value)) throw new EncodeError(`${name} must be an array`)
    writer.array(value.length)
    for (const item of value) pack(item, writer)
  }
}

function notA(kind: string, name: string, value: unknown): EncodeError {
  return new EncodeError(`${name}: ${String(value)} is not a ${kind}`)
}
