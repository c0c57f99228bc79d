import { bytes, int32, int64, json, nullable, raw, string, uuid } from '@millrace/client'
import type { Serde, StandardSchema } from '@millrace/client'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

function stored(encoded: string | Uint8Array | null): Buffer | null {
  return encoded === null ? null : Buffer.from(encoded)
}

function roundTrip<Out, In>(serde: Serde<Out, In>, value: In): Out {
  return serde.decode(stored(serde.encode(value)))
}

function expectRoundTrips<Out, In>(serde: Serde<Out, In>, values: fc.Arbitrary<In>): void {
  fc.assert(
    fc.property(values, (value) => {
      expect(roundTrip(serde, value)).toEqual(value)
    }),
  )
}

describe('serdes', () => {
  it('give back what they stored', () => {
    expectRoundTrips(string(), fc.string({ unit: 'grapheme' }))
    expectRoundTrips(int32(), fc.integer())
    expectRoundTrips(int64(), fc.maxSafeInteger())
    expectRoundTrips(uuid(), fc.uuid())
    expectRoundTrips(
      bytes(),
      fc.uint8Array().map((array) => Buffer.from(array)),
    )
    // JSON itself has no negative zero.
    expectRoundTrips(
      json(),
      fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
    )
  })

  it("store what Kafka's serializers of the same name store", () => {
    expect(int32().encode(-2)).toEqual(Buffer.from('fffffffe', 'hex'))
    expect(int64().encode(258)).toEqual(Buffer.from('0000000000000102', 'hex'))
    expect(uuid().encode('0f8fad5b-d9cb-469f-a165-70867728950e')).toBe('0f8fad5b-d9cb-469f-a165-70867728950e')
  })

  it('refuse what they cannot hold', () => {
    expect(() => int32().encode(2 ** 31)).toThrow('32 bits')
    expect(() => int32().encode(1.5)).toThrow('32 bits')
    expect(() => int64().encode(2 ** 53)).toThrow('±2^53')
    expect(() => int32().decode(Buffer.alloc(8))).toThrow('expected 4 bytes, got 8')
    expect(() => int64().decode(Buffer.from('7fffffffffffffff', 'hex'))).toThrow('beyond ±2^53')
    expect(() => uuid().encode('no-uuid')).toThrow('expected a uuid')
    expect(() => string().encode(7 as unknown as string)).toThrow('expected a string, got number')
    expect(() => json().encode(undefined)).toThrow('JSON has no undefined')
    expect(() => json().decode(Buffer.from('{'))).toThrow(SyntaxError)
  })

  it('refuse null, unless wrapped in nullable', () => {
    for (const serde of [string(), bytes(), int32(), int64(), uuid(), json()] as Serde<unknown, never>[]) {
      expect(() => serde.decode(null)).toThrow('nullable')
      expect(nullable(serde).decode(null)).toBeNull()
      expect(nullable(serde).encode(null)).toBeNull()
    }
    expect(raw().decode(null)).toBeNull()
  })
})

interface Flight {
  readonly origin: string
  readonly at: Date
}

/** What zod's `z.object({ origin: z.string(), at: z.coerce.date() })` would be, written by hand. */
const flightSchema: StandardSchema<{ origin: string; at: string | Date }, Flight> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { origin, at } = value as { origin: unknown; at: string }
      if (typeof origin === 'string') return { value: { origin, at: new Date(at) } }
      return { issues: [{ message: 'expected string', path: ['flights', { key: 0 }, 'origin'] }] }
    },
  },
}

describe('json with a schema', () => {
  const serde = json(flightSchema)

  it('stores the input form and gives the output form', () => {
    const at = new Date(1_700_000_000_000)
    expect(serde.encode({ origin: 'SFO', at })).toBe('{"origin":"SFO","at":"2023-11-14T22:13:20.000Z"}')
    expect(roundTrip(serde, { origin: 'SFO', at })).toEqual({ origin: 'SFO', at })
  })

  it('says where a value is wrong, in both directions', () => {
    expect(() => serde.encode({ origin: 7 } as never)).toThrow('flights.0.origin: expected string')
    expect(() => serde.decode(Buffer.from('{}'))).toThrow('flights.0.origin: expected string')
  })

  it('refuses a schema that validates asynchronously', () => {
    const slow: StandardSchema = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('late')) },
    }
    expect(() => json(slow).encode('x')).toThrow('validates asynchronously')
  })
})
