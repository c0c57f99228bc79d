/**
 * JSON values, checked by any Standard Schema validator. The bytes always hold the schema's *input* form: a producer
 * validates what it is given and stores that; a consumer parses, validates and gets the *output* form, with defaults
 * and transformations applied. So a transforming schema (text to `Date`) works in both directions.
 */
import { requireBytes } from './serde.ts'
import type { Serde } from './serde.ts'
import { describeIssues } from './standard-schema.ts'
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts'

/** Anything that JSON can hold; a consumer gets `unknown`. */
export function json(): Serde<unknown>
/**
 * JSON of the schema's type.
 *
 * @example
 * ```ts
 * const flight = z.object({ origin: z.string(), delay: z.number() })
 * const flights = topic('flights', { key: string(), value: json(flight) })
 * ```
 */
export function json<Schema extends StandardSchema>(
  schema: Schema,
): Serde<SchemaOutput<Schema>, SchemaInput<Schema>>
/** JSON of type `T` without a check at run time: for trusted topics and the last microsecond. */
export function json<T>(): Serde<T>
export function json(schema?: StandardSchema): Serde<unknown> {
  if (schema === undefined) return { encode: stringify, decode: parse }
  const validate = validator(schema)
  return {
    encode(value) {
      validate(value)
      return stringify(value)
    },
    decode: (stored) => validate(parse(stored)),
  }
}

function validator(schema: StandardSchema): (value: unknown) => unknown {
  return (value) => {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise) {
      // Nobody will look at this promise any more; its rejection must not end the process.
      result.catch(() => undefined)
      throw new TypeError('the schema validates asynchronously: use one that validates synchronously')
    }
    if (result.issues !== undefined) throw new TypeError(describeIssues(result.issues))
    return result.value
  }
}

function stringify(value: unknown): string {
  // Its type says string, but functions, symbols and undefined give undefined.
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`JSON has no ${typeof value}`)
  return text
}

function parse(stored: Buffer | null): unknown {
  return JSON.parse(requireBytes(stored).toString('utf8'))
}
