import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apiNames, apiOf, type ApiName } from '../src/apis.ts'
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
} from '../src/kafka/frame.ts'
import {
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  nativeCorrelationId,
} from '../src/native/frame.ts'
import { arbitraryBody } from './arbitrary-message.ts'

const everyVersion = apiNames.flatMap((name) => {
  const { min, max } = apiOf(name).versions
  return Array.from({ length: max - min + 1 }, (_, i) => [name, min + i] as const)
})
const servedVersion = everyVersion.filter(([name, version]) => {
  const { min, max } = apiOf(name).served
  return version >= min && version <= max
})

/** The frame as a peer sees it: one buffer, without its length, which must be true. */
function received(chunks: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(chunks)
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4)
  return bytes.subarray(4)
}

const header = fc.record({
  correlationId: fc.integer(),
  clientId: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 })),
})

describe("Kafka's wire", () => {
  it.for(servedVersion)('brings every %s request of version %i across', ([name, version]) => {
    fc.assert(
      fc.property(header, arbitraryBody(apiOf(name).request, version), (head, body) => {
        const frame = received(encodeKafkaRequest(name, version, head, body as never))
        expect(decodeKafkaRequest(frame)).toEqual({ kind: 'request', api: name, version, ...head, body })
      }),
      { numRuns: 15 },
    )
  })

  it.for(everyVersion)('brings every %s response of version %i across', ([name, version]) => {
    fc.assert(
      fc.property(fc.integer(), arbitraryBody(apiOf(name).response, version), (correlationId, body) => {
        if (name === 'ApiVersions' && (body as { errorCode: number }).errorCode === 35) return
        const frame = received(encodeKafkaResponse(name, version, correlationId, body as never))
        expect(decodeKafkaResponse(name, version, frame)).toEqual({ kind: 'response', correlationId, body })
      }),
      { numRuns: 15 },
    )
  })
})

describe('the native wire', () => {
  const latest = (name: ApiName) => apiOf(name).served.max

  it.for(apiNames)('brings every %s request across, with fields of all versions', (name) => {
    fc.assert(
      fc.property(header, arbitraryBody(apiOf(name).request, 'native'), (head, body) => {
        const frame = received(encodeNativeRequest(name, latest(name), head, body as never))
        const expected = { kind: 'request', api: name, version: latest(name), ...head, body }
        expect(decodeNativeRequest(frame)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it.for(apiNames)('brings every %s response across, with fields of all versions', (name) => {
    fc.assert(
      fc.property(fc.integer(), arbitraryBody(apiOf(name).response, 'native'), (correlationId, body) => {
        const frame = received(encodeNativeResponse(name, latest(name), correlationId, body as never))
        expect(nativeCorrelationId(frame)).toBe(correlationId)
        const expected = { kind: 'response', correlationId, body }
        expect(decodeNativeResponse(name, latest(name), frame)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })
})
