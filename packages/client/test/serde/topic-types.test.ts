import { json, nullable, string, topic } from '@millrace/client'
import type { RawTopic, StandardSchema, Topic } from '@millrace/client'
import { describe, expect, expectTypeOf, it } from 'vitest'

interface Input {
  readonly origin: string
  readonly delay?: number
}
interface Output {
  readonly origin: string
  readonly delay: number
}
declare const schema: StandardSchema<Input, Output>
const anySchema = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as typeof schema

describe('typed topics', () => {
  it('carry the types of their serdes, input and output apart', () => {
    const flights = topic('flights', { key: string(), value: json(anySchema) })
    expectTypeOf(flights).toEqualTypeOf<Topic<string, Output, string, Input>>()
    expect(flights.name).toBe('flights')
  })

  it('are bytes where no serde is given', () => {
    expectTypeOf(topic('flights')).toEqualTypeOf<RawTopic>()
    expect(topic('flights').value.decode(null)).toBeNull()
  })

  it('know about null only where it is allowed', () => {
    expectTypeOf(topic('t', { value: nullable(string()) }).value.decode(null)).toEqualTypeOf<string | null>()
    expectTypeOf(topic('t', { value: json<Output>() }).value.encode)
      .parameter(0)
      .toEqualTypeOf<Output>()
    expectTypeOf(topic('t', { value: json() }).value.encode)
      .parameter(0)
      .toEqualTypeOf<unknown>()
  })
})
