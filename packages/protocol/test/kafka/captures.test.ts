/** Frames that ten clients and two servers really exchanged. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { apiNameOf, apiOf, type ApiName } from '../../src/apis.ts'
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
} from '../../src/kafka/frame.ts'
import { includesVersion } from '../../src/schema/version-range.ts'

interface Capture {
  client: string
  exchanges: { key: number; version: number; request: string; response: string | null }[]
}

interface Exchange {
  client: string
  api: ApiName
  version: number
  /** Hex, with the four length bytes. */
  request: string
  response: string | null
}

const folder = new URL('../../../../test/vectors/', import.meta.url)

const exchanges: Exchange[] = readdirSync(folder)
  .filter((file) => file.startsWith('capture-'))
  .flatMap((file) => {
    const { client, exchanges: list } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Capture
    return list.flatMap(({ key, version, request, response }) => {
      const api = apiNameOf(key)
      if (api === undefined) return []
      return [{ client, api, version, request, response: response || null }]
    })
  })

/** Frames that can't come out as they went in, with what happens instead. */
const exceptions = {
  /** Three bytes (librdkafka) or one byte (its mock broker) behind the body: ignored, and not written again. */
  surplus: ['librdkafka-2.15.0-vs-rdkafka-mock Metadata v12'],
  /** The mock broker's refusal fits no version: only its error code is understood. */
  shapeless: [
    'librdkafka-2.0.2-vs-rdkafka-mock ApiVersions v3',
    'librdkafka-2.15.0-vs-rdkafka-mock ApiVersions v3',
  ],
  /** kfake invents producer ids above 2^53, which real brokers count up from 0. */
  wideProducerIds: [
    'franz-go-2026-08 Fetch v18',
    'java-3.9.0-rc3 Fetch v17',
    'java-4.0-trunk-classic Fetch v17',
    'java-4.0-trunk-consumer Fetch v17',
    'java-4.0-trunk-snappy Fetch v17',
    'franz-go-2026-08 InitProducerId v5',
    'java-3.9.0-rc3 InitProducerId v5',
    'java-4.0-trunk-classic InitProducerId v5',
    'java-4.0-trunk-consumer InitProducerId v5',
    'java-4.0-trunk-snappy InitProducerId v5',
    'kafka-python-3.1.0.dev InitProducerId v4',
    'kafkajs-2.2.4 InitProducerId v1',
    'librdkafka-2.0.2 InitProducerId v4',
    'librdkafka-2.0.2-vs-rdkafka-mock InitProducerId v4',
    'librdkafka-2.15.0 InitProducerId v4',
    'librdkafka-2.15.0-vs-rdkafka-mock InitProducerId v4',
  ],
}

const title = ({ client, api, version }: Exchange) => `${client} ${api} v${version}`
const named = (list: Exchange[]) => list.map((exchange) => [title(exchange), exchange] as const)
const served = exchanges.filter(({ api, version }) => includesVersion(apiOf(api).served, version))

const received = (frame: string) => Buffer.from(frame, 'hex').subarray(4)

function expectSame(exchange: Exchange, chunks: Uint8Array[], hex: string): void {
  const frame = Buffer.from(hex, 'hex')
  const encoded = Buffer.concat(chunks)
  const surplus = frame.length - encoded.length
  if (surplus > 0 && exceptions.surplus.includes(title(exchange))) {
    expect(encoded.subarray(4).toString('hex')).toBe(frame.subarray(4, -surplus).toString('hex'))
    expect(surplus).toBeLessThanOrEqual(3)
  } else {
    expect(encoded.toString('hex')).toBe(frame.toString('hex'))
  }
}

describe('captured frames', () => {
  it('are many', () => {
    expect(exchanges.length).toBeGreaterThan(150)
    expect(new Set(exchanges.map(({ client }) => client)).size).toBeGreaterThanOrEqual(10)
  })

  it.for(named(served))('request of %s decodes and encodes to the same bytes', ([, exchange]) => {
    const { api, version, request } = exchange
    const decoded = decodeKafkaRequest(received(request))
    if (decoded.kind !== 'request') return expect.fail(JSON.stringify(decoded))
    expect(decoded).toMatchObject({ api, version })
    expectSame(exchange, encodeKafkaRequest(api, version, decoded, decoded.body), request)
  })

  it.for(named(exchanges.filter((exchange) => !served.includes(exchange))))(
    'request of %s is refused: its version is not served',
    ([, { version, request }]) => {
      expect(decodeKafkaRequest(received(request))).toMatchObject({ kind: 'unsupported-version', version })
    },
  )

  it.for(named(exchanges.filter(({ response }) => response !== null)))(
    'response to %s decodes and encodes to the same bytes',
    ([, exchange]) => {
      const { api, version, response } = exchange
      const decoded = decodeKafkaResponse(api, version, received(response!))
      if (decoded.kind === 'corrupt' && exceptions.wideProducerIds.includes(title(exchange))) {
        return expect(decoded.reason).toMatch(/int64 .* beyond 2\^53/)
      }
      if (decoded.kind !== 'response') return expect.fail(JSON.stringify(decoded))
      if (exceptions.shapeless.includes(title(exchange))) {
        return expect(decoded.body).toMatchObject({ errorCode: 35, apiKeys: [] })
      }
      expectSame(exchange, encodeKafkaResponse(api, version, decoded.correlationId, decoded.body), response!)
    },
  )
})
