/**
 * The inverse of the packer: compiles the fields of a message into closures that check unpacked arrays, arity and
 * types of every value included, and make the message of them. Fields behind the end of an array get their defaults;
 * values behind the last known field come from a newer peer and are ignored.
 */
import { ZERO_UUID } from '@millrace/base'
import { DecodeError } from '../decode-error.ts'
import { defaultMaker } from '../schema/default-value.ts'
import { isNullable, type FieldSpec, type TypeSpec } from '../schema/field.ts'
import { byPosition, leastArity } from './struct-packer.ts'
import { isUuid, valueCheck } from './value-check.ts'

/** The part of a frame behind the header, taken in order. */
export class AttachmentReader {
  private readonly frame: Buffer
  private position: number

  constructor(frame: Buffer, position: number) {
    this.frame = frame
    this.position = position
  }

  /** A view, not a copy. */
  take(length: unknown, name: string): Buffer {
    const left = this.frame.length - this.position
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || length > left) {
      throw new DecodeError(`${name}: ${left} bytes are left, not ${String(length)}`)
    }
    const start = this.position
    this.position = start + length
    return this.frame.subarray(start, start + length)
  }

  /** Fails unless everything was taken. */
  finish(): void {
    const left = this.frame.length - this.position
    if (left > 0) throw new DecodeError(`${left} bytes too many`)
  }
}

type Unpacker = (value: unknown, attachments: AttachmentReader) => unknown

/** Makes a struct of the values from index `base` on. */
export type FieldsUnpacker = (
  values: readonly unknown[],
  base: number,
  attachments: AttachmentReader,
) => object

export function fieldsUnpacker(fields: readonly FieldSpec[], name: string): FieldsUnpacker {
  const ordered = byPosition(fields)
  const names = ordered.map((field) => field.name)
  const unpackers = ordered.map(fieldUnpacker)
  const defaults = ordered.map(defaultMaker)
  const count = names.length
  const least = leastArity(fields)
  return (values, base, attachments) => {
    const arity = values.length - base
    if (arity < least) throw new DecodeError(`${name} has ${arity} fields, not ${least}`)
    const struct: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      struct[names[i]!] = i < arity ? unpackers[i]!(values[base + i], attachments) : defaults[i]!()
    }
    return struct
  }
}

function fieldUnpacker(field: FieldSpec): Unpacker {
  const unpack = typeUnpacker(field.type, field.name)
  const nullable = isNullable(field)
  return (value, attachments) => {
    if (value !== null) return unpack(value, attachments)
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
      return (value, attachments) => unpackFields(expectArray(value, name), 0, attachments)
    }
    case 'bytes':
    case 'records':
      return (value, attachments) => attachments.take(value, name)
    case 'uuid':
      return (value) => {
        if (value === '') return ZERO_UUID
        if (!isUuid(value)) throw new DecodeError(`${name} is not a uuid`)
        return value
      }
    default: {
      const { kind } = type
      const isValid = valueCheck(kind)
      return (value) => {
        if (!isValid(value)) throw new DecodeError(`${name} is not a ${kind}`)
        return value
      }
    }
  }
}

function arrayUnpacker(element: TypeSpec, name: string): Unpacker {
  const unpack = typeUnpacker(element, name)
  return (value, attachments) => {
    const items: unknown[] = []
    for (const item of expectArray(value, name)) items.push(unpack(item, attachments))
    return items
  }
}

function expectArray(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new DecodeError(`${name} is not an array`)
  return value
}
