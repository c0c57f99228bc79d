/** Default values of fields: making them, and telling whether a value to be encoded is one. */
import { isNullable, type FieldSpec } from './field.ts'

/** @returns a maker of the field's default; arrays are fresh each time, structs shared and frozen */
export function defaultMaker(field: FieldSpec): () => unknown {
  const value = field.default
  if (field.type.kind === 'struct' && !isNullable(field)) {
    const shared = defaultStruct(field.type.fields)
    return () => shared
  }
  return Array.isArray(value) ? () => [] : () => value
}

function defaultStruct(fields: readonly FieldSpec[]): object {
  return Object.freeze(Object.fromEntries(fields.map((field) => [field.name, defaultMaker(field)()])))
}

/** @returns a test whether a value, as given for encoding, is the field's default; undefined always is */
export function defaultTest(field: FieldSpec): (value: unknown) => boolean {
  const expected = field.default
  if (field.type.kind === 'struct' && !isNullable(field)) {
    const tests = field.type.fields.map((inner) => ({ name: inner.name, isDefault: defaultTest(inner) }))
    return (value) =>
      value === undefined ||
      tests.every(({ name, isDefault }) => isDefault((value as Record<string, unknown>)[name]))
  }
  if (Array.isArray(expected)) {
    return (value) => value === undefined || (Array.isArray(value) && value.length === 0)
  }
  return (value) => value === undefined || value === expected
}
