/** Random messages, derived from the declarations: all fields are set, those that a wire can't carry to their default. */
import fc from 'fast-check'
import { defaultMaker } from '../src/schema/default-value.ts'
import type { FieldSpec, TypeSpec } from '../src/schema/field.ts'
import { includesVersion } from '../src/schema/version-range.ts'
import { uuidFromBytes } from '@millrace/base'

/** `native`: every field in every version. A number: what that version carries on Kafka's wire. */
type Carrier = 'native' | number

export function arbitraryBody(fields: readonly FieldSpec[], carrier: Carrier): fc.Arbitrary<object> {
  return fc.record(Object.fromEntries(fields.map((field) => [field.name, arbitraryField(field, carrier)])), {
    noNullPrototype: true,
  })
}

function arbitraryField(field: FieldSpec, carrier: Carrier): fc.Arbitrary<unknown> {
  const native = carrier === 'native'
  if (!native && !includesVersion(field.versions, carrier)) return fc.constant(defaultMaker(field)())
  const nullable = native
    ? field.nullable.min <= field.nullable.max
    : includesVersion(field.nullable, carrier)
  const value = arbitraryType(field.type, carrier)
  const sometimesDefault = [{ arbitrary: value, weight: 4 }]
  if (field.optional) sometimesDefault.push({ arbitrary: fc.constant(defaultMaker(field)()), weight: 1 })
  const result = fc.oneof(...sometimesDefault)
  if (nullable) return fc.option(result, { freq: 3 })
  return field.default === null && field.type.kind !== 'struct' ? value : result
}

function arbitraryType(type: TypeSpec, carrier: Carrier): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer()
    case 'int64':
    case 'clampedInt64':
      return fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3, max: 3 }))
    case 'string':
      return fc.oneof(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.string({ maxLength: 20 }))
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map(uuidFromBytes)
    case 'bytes':
    case 'records':
      return fc
        .oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1000, maxLength: 1100 }))
        .map((bytes) => Buffer.from(bytes))
    case 'array':
      return fc.array(arbitraryType(type.element, carrier), { maxLength: 3 })
    case 'struct':
      return arbitraryBody(type.fields, carrier)
  }
}
