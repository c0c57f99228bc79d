/** Messages encoded by Kafka's own generated classes and by franz-go, of every declared API and version. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { apiNames, apiOf, type ApiName } from '../../src/apis.ts'
import { kafkaCodec } from '../../src/kafka/codec.ts'
import { KafkaReader } from '../../src/kafka/reader.ts'
import { KafkaWriter } from '../../src/kafka/writer.ts'

interface Vector {
  api: ApiName
  version: number
  kind: 'request' | 'response'
  fill: string
  hex: string
  /** Kafka's JSON form, with `records` left empty; missing for versions that only franz-go knows. */
  fields?: object
}

/** Kafka's names where the makers of the vectors have others. */
const KAFKA_NAMES: ReadonlyMap<string, ApiName> = new Map([['InitProducerID', 'InitProducerId']])

const vectors = ['messages', 'messages-quorum-kafka', 'messages-replication-kafka']
  .map((name) => new URL(`../../../../test/vectors/${name}.ndjson`, import.meta.url))
  .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line) as Vector)
  .map((vector) => ({ ...vector, api: KAFKA_NAMES.get(vector.api) ?? vector.api }))
  .filter((vector) => apiNames.includes(vector.api))

const title = ({ api, version, kind, fill }: Vector) => `${api} v${version} ${kind} (${fill})`
const writer = new KafkaWriter()

function decode({ api, kind, version, hex }: Vector): unknown {
  const reader = new KafkaReader(Buffer.from(hex, 'hex'))
  const body = kafkaCodec(api, kind, version)!.decode(reader)
  reader.finish()
  return body
}

function encode({ api, kind, version }: Vector, body: unknown): string {
  writer.begin()
  kafkaCodec(api, kind, version)!.encode(writer, body)
  return Buffer.concat(writer.finish()).subarray(4).toString('hex')
}

/** What Kafka's JSON says of a value, with records left out on both sides. */
function expectFields(actual: unknown, expected: unknown, path: string): void {
  if (/\.(records|unalignedRecords)$/.test(path)) return
  if (Array.isArray(expected)) {
    expect(actual, path).toHaveLength(expected.length)
    for (const [i, element] of expected.entries())
      expectFields((actual as unknown[])[i], element, `${path}[${i}]`)
  } else if (expected !== null && typeof expected === 'object') {
    for (const [name, value] of Object.entries(expected)) {
      expect(actual, path).toHaveProperty(name)
      expectFields((actual as Record<string, unknown>)[name], value, `${path}.${name}`)
    }
  } else {
    expect(actual, path).toBe(expected)
  }
}

describe('messages made by Kafka and franz-go', () => {
  it('cover every declared version of every API', () => {
    const seen = new Set(vectors.map(({ api, version, kind }) => `${api} ${version} ${kind}`))
    const declared = apiNames.flatMap((api) => {
      const { min, max } = apiOf(api).versions
      return Array.from({ length: max - min + 1 }, (_, i) => [
        `${api} ${min + i} request`,
        `${api} ${min + i} response`,
      ])
    })
    // Encodings that the makers of the vectors had to drop, because one of them wrote a tag outside its version.
    const dropped = [
      ...[12, 13, 14, 15, 16].map((version) => `Fetch ${version} request`),
      ...[12, 13, 14, 15].map((version) => `Fetch ${version} response`),
      'Produce 9 response',
    ]
    expect(declared.flat().filter((message) => !seen.has(message) && !dropped.includes(message))).toEqual([])
  })

  it.for(vectors.map((vector) => [title(vector), vector] as const))(
    '%s decodes to the same values',
    ([, vector]) => {
      const body = decode(vector)
      if (vector.fields !== undefined) expectFields(body, vector.fields, vector.api)
    },
  )

  it.for(vectors.map((vector) => [title(vector), vector] as const))(
    '%s encodes to the same bytes',
    ([, vector]) => {
      expect(encode(vector, decode(vector))).toBe(vector.hex)
    },
  )
})
