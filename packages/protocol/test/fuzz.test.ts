/** Decoders against broken frames: what comes back is a value, and its size is bounded by the bytes that came in. */
import { describe, expect, it } from 'vitest'
import { fuzz } from '../../../test/fuzz/mutate.ts'
import { apiNames, apiOf, type ApiName } from '../src/apis.ts'
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
  kafkaCorrelationId,
} from '../src/kafka/frame.ts'
import {
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  nativeCorrelationId,
} from '../src/native/frame.ts'
import fc from 'fast-check'
import { arbitraryBody } from './arbitrary-message.ts'

const EXECUTIONS = 30_000
const SEED = 20_261_123
const KINDS = ['request', 'corrupt', 'unknown-api', 'unsupported-version']

interface Message {
  api: ApiName
  version: number
  frame: Buffer
}

const served = apiNames.flatMap((api) => {
  const { min, max } = apiOf(api).served
  return Array.from({ length: max - min + 1 }, (_, i) => ({ api, version: min + i }))
})
const header = { correlationId: 7, clientId: 'fuzz' }
const join = (chunks: Uint8Array[]) => Buffer.concat(chunks).subarray(4)

function corpus(encode: (api: ApiName, version: number) => Uint8Array[]): Message[] {
  return served.map(({ api, version }) => ({ api, version, frame: join(encode(api, version)) }))
}

function sample(api: ApiName, direction: 'request' | 'response', carrier: 'native' | number): never {
  return fc.sample(arbitraryBody(apiOf(api)[direction], carrier), { numRuns: 1, seed: SEED })[0] as never
}

/** Lengths that lie, in both encodings, and bytes that mean something to msgpack. */
const dictionary = [
  'ffffffff',
  '7fffffff',
  '80000000',
  'ffffffff0f',
  'ffffffffff7f',
  '00',
  'c1',
  'c0',
  'dcffff',
  'ddffffffff',
  'dbffffffff',
  'c7ff72',
  'd4724040',
  '81a1',
  'cf7fffffffffffffff',
  'cb7ff8000000000000',
  '9f9f9f9f',
].map((hex) => Buffer.from(hex, 'hex'))

/** How many values there are in what was decoded. */
function weight(value: unknown): number {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return 1
  return Object.values(value).reduce<number>((sum, item) => sum + weight(item), 1)
}

/** The emptiest element that a frame can hold becomes a struct of at most this many values for each of its bytes. */
const VALUES_PER_BYTE = 16

function expectBounded(result: object, input: Buffer): void {
  const values = weight(result)
  if (values > 64 + VALUES_PER_BYTE * input.length)
    throw new Error(`${values} values of ${input.length} bytes`)
}

function fuzzRequests(messages: Message[], decode: (frame: Buffer) => { kind: string }): Map<string, number> {
  const seen = new Map<string, number>()
  fuzz({
    seed: SEED,
    executions: EXECUTIONS,
    corpus: messages.map(({ frame }) => frame),
    dictionary,
    run: (input) => {
      const result = decode(input)
      if (!KINDS.includes(result.kind)) throw new Error(`unexpected kind ${result.kind}`)
      expectBounded(result, input)
      seen.set(result.kind, (seen.get(result.kind) ?? 0) + 1)
    },
  })
  return seen
}

function fuzzResponses(
  messages: Message[],
  decode: (api: ApiName, version: number, frame: Buffer) => { kind: string },
): Map<string, number> {
  const seen = new Map<string, number>()
  for (const { api, version, frame } of messages) {
    fuzz({
      seed: SEED + version,
      executions: Math.ceil(EXECUTIONS / messages.length),
      corpus: [frame],
      dictionary,
      run: (input) => {
        const result = decode(api, version, input)
        if (result.kind !== 'response' && result.kind !== 'corrupt')
          throw new Error(`unexpected kind ${result.kind}`)
        expectBounded(result, input)
        seen.set(result.kind, (seen.get(result.kind) ?? 0) + 1)
      },
    })
  }
  return seen
}

describe('a broken frame', () => {
  it("never escapes the decoder of Kafka's requests", () => {
    const messages = corpus((api, version) =>
      encodeKafkaRequest(api, version, header, sample(api, 'request', version)),
    )
    const seen = fuzzRequests(messages, decodeKafkaRequest)
    for (const kind of KINDS) expect(seen.get(kind), kind).toBeGreaterThan(50)
  })

  it("never escapes the decoder of Kafka's responses", () => {
    const messages = corpus((api, version) =>
      encodeKafkaResponse(api, version, 7, sample(api, 'response', version)),
    )
    const seen = fuzzResponses(messages, (api, version, frame) => {
      kafkaCorrelationId(frame)
      return decodeKafkaResponse(api, version, frame)
    })
    expect(seen.get('response')).toBeGreaterThan(50)
    expect(seen.get('corrupt')).toBeGreaterThan(50)
  })

  it('never escapes the decoder of native requests', () => {
    const messages = corpus((api, version) =>
      encodeNativeRequest(api, version, header, sample(api, 'request', 'native')),
    )
    const seen = fuzzRequests(messages, decodeNativeRequest)
    for (const kind of KINDS) expect(seen.get(kind), kind).toBeGreaterThan(10)
  })

  it('never escapes the decoder of native responses', () => {
    const messages = corpus((api, version) =>
      encodeNativeResponse(api, version, 7, sample(api, 'response', 'native')),
    )
    const seen = fuzzResponses(messages, (api, version, frame) => {
      nativeCorrelationId(frame)
      return decodeNativeResponse(api, version, frame)
    })
    expect(seen.get('response')).toBeGreaterThan(50)
    expect(seen.get('corrupt')).toBeGreaterThan(50)
  })
})
