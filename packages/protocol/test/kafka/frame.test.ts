import type { NodeId, Offset, Uuid } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { apiOf } from '../../src/apis.ts'
import {
  decodeKafkaRequest,
  decodeKafkaResponse,
  encodeKafkaRequest,
  encodeKafkaResponse,
  encodeUnsupportedApiVersions,
  kafkaCorrelationId,
} from '../../src/kafka/frame.ts'
import { EncodeError } from '../../src/message.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/[ |]/g, ''), 'hex')
const join = (chunks: Uint8Array[]) => Buffer.concat(chunks)
const header = { correlationId: 1, clientId: 'c' }

describe('a request header', () => {
  it('of a flexible version has a plain client id and tagged fields behind it (librdkafka 2.0.2)', () => {
    const frame = hex('0012 0003 00000001 0007 72646b61666b61 00 0b 6c696272646b61666b61 06 322e302e32 00')
    expect(decodeKafkaRequest(frame)).toEqual({
      kind: 'request',
      api: 'ApiVersions',
      version: 3,
      correlationId: 1,
      clientId: 'rdkafka',
      body: { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.0.2' },
    })
  })

  it('of version 1 has none (kafka-python 2.0.2 and kafkajs)', () => {
    expect(decodeKafkaRequest(hex('0012 0000 00000001 0003 766563'))).toMatchObject({
      version: 0,
      clientId: 'vec',
    })
    expect(decodeKafkaRequest(hex('0012 0002 00000000 0003 766563'))).toMatchObject({
      version: 2,
      clientId: 'vec',
    })
  })

  it('may have a null client id and unknown tagged fields', () => {
    const frame = hex('0012 0003 00000009 ffff 02 07 02 aaaa 6f 00 | 01 01 00')
    expect(decodeKafkaRequest(frame)).toMatchObject({ kind: 'request', clientId: null, correlationId: 9 })
  })
})

describe('a request that is not served', () => {
  it('is told by its API key', () => {
    expect(decodeKafkaRequest(hex('03e7 0000 00000001 ffff'))).toEqual({ kind: 'unknown-api', apiKey: 999 })
    expect(decodeKafkaRequest(hex('ffff 0000 00000001 ffff'))).toEqual({ kind: 'unknown-api', apiKey: -1 })
  })

  it.for([
    ['above', 'Fetch', 18],
    ['below', 'Produce', 2],
    ['negative', 'Metadata', -1],
  ] as const)('is told by its version: %s', ([, api, version]) => {
    const frame = Buffer.alloc(8)
    frame.writeInt16BE(apiOf(api).key, 0)
    frame.writeInt16BE(version, 2)
    frame.writeInt32BE(77, 4)
    expect(decodeKafkaRequest(frame)).toEqual({
      kind: 'unsupported-version',
      apiKey: apiOf(api).key,
      version,
      correlationId: 77,
    })
  })

  it('is answered in version 0 with the versions of ApiVersions when it is an ApiVersions request (KIP-511)', () => {
    const answer = join(encodeUnsupportedApiVersions(5))
    expect(answer).toEqual(hex('00000010 | 00000005 | 0023 00000001 0012 0000 0004'))
  })
})

describe('a refused ApiVersions request', () => {
  const refused = { kind: 'response', correlationId: 5, body: { errorCode: 35 } }

  it.for([0, 1, 2, 3, 4])('of version %i is understood by its client', (version) => {
    const frame = join(encodeUnsupportedApiVersions(5)).subarray(4)
    expect(decodeKafkaResponse('ApiVersions', version, frame)).toMatchObject(refused)
    expect(decodeKafkaResponse('ApiVersions', version, frame)).toMatchObject({
      body: { apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] },
    })
  })

  it.for<string>(['', '00', '01 0012 0000 0002 00000000', 'ffffffff', '7fffffff'])(
    'is understood whatever is behind the error code: %s',
    (rest) => {
      const frame = hex(`00000005 0023 ${rest}`)
      expect(decodeKafkaResponse('ApiVersions', 3, frame)).toMatchObject(refused)
    },
  )
})

describe('a response header', () => {
  it('has tagged fields in flexible versions', () => {
    const body = { throttleTimeMs: 0, brokers: [], topics: [] }
    const plain = join(encodeKafkaResponse('Metadata', 8, 3, body))
    const flexible = join(encodeKafkaResponse('Metadata', 9, 3, body))
    expect(plain.subarray(4, 12)).toEqual(hex('00000003 00000000'))
    expect(flexible.subarray(4, 13)).toEqual(hex('00000003 00 00000000'))
  })

  it('never has them for ApiVersions', () => {
    const frame = join(encodeKafkaResponse('ApiVersions', 3, 3, { apiKeys: [] }))
    expect(frame).toEqual(hex('0000000c | 00000003 | 0000 01 00000000 00'))
  })

  it('gives the correlation id without decoding the rest', () => {
    expect(kafkaCorrelationId(hex('0000002a ff'))).toBe(42)
    expect(kafkaCorrelationId(hex('00002a'))).toBe(null)
  })
})

describe('a tagged field', () => {
  const partition = { index: 0, errorCode: 0, baseOffset: 7 as Offset }
  const encode = (currentLeader?: { leaderId: NodeId }) =>
    join(
      encodeKafkaResponse('Produce', 10, 1, {
        responses: [
          { name: 't', partitionResponses: [currentLeader ? { ...partition, currentLeader } : partition] },
        ],
      }),
    )

  it('is written only when it differs from its default', () => {
    expect(encode({ leaderId: -1 as NodeId })).toEqual(encode())
    expect(encode({ leaderId: 3 as NodeId }).length).toBe(encode().length + 2 + 9)
  })

  it('may be larger than 127 bytes', () => {
    const supportedFeatures = Array.from({ length: 4000 }, (_, i) => ({
      name: `feature-${i}`,
      minVersion: 1,
      maxVersion: 2,
    }))
    for (const count of [3, 30, 1000, 4000]) {
      const body = { apiKeys: [], supportedFeatures: supportedFeatures.slice(0, count) }
      const frame = join(encodeKafkaResponse('ApiVersions', 3, 1, body)).subarray(4)
      expect(decodeKafkaResponse('ApiVersions', 3, frame)).toMatchObject({ kind: 'response', body })
    }
  })

  it('tells a Millrace client of the native wire and no one else', () => {
    const plain = join(encodeKafkaResponse('ApiVersions', 3, 1, { apiKeys: [] }))
    const marked = join(encodeKafkaResponse('ApiVersions', 3, 1, { apiKeys: [], nativeWire: 1 }))
    expect(marked.subarray(4)).toEqual(hex('00000001 0000 01 00000000 | 01 904e 01 01'))
    expect(plain.length).toBe(marked.length - 4)
    expect(decodeKafkaResponse('ApiVersions', 3, marked.subarray(4))).toMatchObject({
      body: { nativeWire: 1 },
    })
    expect(encodeKafkaResponse('ApiVersions', 2, 1, { apiKeys: [], nativeWire: 1 })).toBeDefined()
  })

  it.for([
    ['repeated', '02 63 00 63 00'],
    ['descending', '02 63 00 62 00'],
    ['longer than the frame', '01 63 05 00'],
    ['with a content shorter than its size', '01 00 09 00000003 00000001'],
    ['with an endless number', '01 ffffffffffff 00'],
  ])('is corrupt when %s', ([, tags]) => {
    const frame = hex(`00000001 00 | 01 00000000 | ${tags}`)
    expect(decodeKafkaResponse('Produce', 10, frame)).toMatchObject({ kind: 'corrupt' })
  })
})

describe('a value that a version has no place for', () => {
  const topics = [{ name: 't', partitions: [] }]

  it('is refused', () => {
    expect(() => encodeKafkaRequest('ListOffsets', 1, header, { isolationLevel: 1, topics })).toThrow(
      new EncodeError('version 1 has no field isolationLevel'),
    )
    expect(() => encodeKafkaRequest('CreateTopics', 0, header, { topics: [], validateOnly: true })).toThrow(
      EncodeError,
    )
  })

  it('is dropped when it is the default or may be ignored', () => {
    const body = { isolationLevel: 0, topics }
    expect(encodeKafkaRequest('ListOffsets', 1, header, body)).toEqual(
      encodeKafkaRequest('ListOffsets', 1, header, { topics }),
    )
    const response = { responses: [], throttleTimeMs: 5 }
    const frame = join(encodeKafkaResponse('Produce', 0, 1, response))
    expect(frame).toEqual(hex('00000008 00000001 00000000'))
  })

  it('is never sent when it belongs to the native wire', () => {
    const partition = {
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1 as NodeId,
      replicaNodes: [],
      isrNodes: [],
    }
    const encode = (shardPort: number) =>
      encodeKafkaResponse('Metadata', 12, 1, {
        brokers: [],
        topics: [{ errorCode: 0, name: 't', partitions: [{ ...partition, shardPort }] }],
      })
    expect(encode(9093)).toEqual(encode(0))
  })
})

describe('a value that is not of its type', () => {
  const cases: [string, () => unknown][] = [
    ['a fraction', () => encodeKafkaRequest('DeleteTopics', 1, header, { timeoutMs: 1.5 })],
    [
      'an int16 out of range',
      () => encodeKafkaResponse('DescribeCluster', 0, 1, cluster({ errorCode: 40_000 })),
    ],
    [
      'an int64 out of range',
      () => encodeKafkaResponse('ApiVersions', 3, 1, { apiKeys: [], finalizedFeaturesEpoch: 2 ** 53 }),
    ],
    [
      'null where it is not allowed',
      () => encodeKafkaRequest('Metadata', 9, header, { topics: [{ name: null }] }),
    ],
    [
      'a string beyond 32767 bytes',
      () => encodeKafkaRequest('Metadata', 9, header, { topics: [{ name: 'é'.repeat(17_000) }] }),
    ],
    [
      'a malformed uuid',
      () => encodeKafkaRequest('Metadata', 12, header, { topics: [{ name: null, topicId: 'x' as Uuid }] }),
    ],
    ['an undeclared version', () => encodeKafkaRequest('Metadata', 14, header, { topics: [] })],
  ]
  const cluster = (fields: object) => ({ clusterId: 'c', brokers: [], ...fields })

  it.for(cases)('is refused: %s', ([, encode]) => {
    expect(encode).toThrow(EncodeError)
  })

  it('leaves the encoder fit for the next message', () => {
    expect(() => encodeKafkaRequest('DeleteTopics', 1, header, { timeoutMs: NaN })).toThrow(EncodeError)
    const frame = join(encodeKafkaRequest('DeleteTopics', 1, header, { timeoutMs: 3 }))
    expect(decodeKafkaRequest(frame.subarray(4))).toMatchObject({
      api: 'DeleteTopics',
      body: { timeoutMs: 3 },
    })
  })
})

describe('a frame that lies', () => {
  const produce = '0000 0007 00000001 ffff ffff ffff 00007530'
  it.for<[string, string]>([
    ['is empty', ''],
    ['ends in the header', '0000 0007 0000'],
    ['ends in the client id', '0000 0007 00000001 0009 61'],
    ['has more topics than bytes', `${produce} 7fffffff`],
    ['has a negative count', `${produce} fffffffe`],
    ['has null where a list must be', `${produce} ffffffff`],
    ['has records beyond its end', `${produce} 00000001 0001 74 00000001 00000000 00000010 00`],
    ['has a negative record size', `${produce} 00000001 0001 74 00000001 00000000 80000000 00`],
    ['has a topic name that is not UTF-8', `${produce} 00000001 0002 c328 00000000`],
    ['has null for a topic name', `${produce} 00000001 ffff 00000000`],
    ['has a compact count beyond 32 bits', '0000 0009 00000001 ffff 00 00 ffff 00007530 ffffffff7f'],
    ['has more compact elements than bytes', '0000 0009 00000001 ffff 00 00 ffff 00007530 ffffffff0f'],
  ])('is corrupt when it %s', ([, bytes]) => {
    expect(decodeKafkaRequest(hex(bytes))).toMatchObject({ kind: 'corrupt', reason: expect.any(String) })
  })

  it('may have bytes behind the body, as librdkafka 2.15 sends them when it asks for all topics', () => {
    const frame = hex('0003 000c 00000004 0007 72646b61666b61 00 | 00 00 00 00 | 010000')
    expect(decodeKafkaRequest(frame)).toMatchObject({
      kind: 'request',
      api: 'Metadata',
      body: { topics: null },
    })
  })
})

describe('64-bit integers', () => {
  const fetch = (offset: string) =>
    decodeKafkaRequest(
      hex(
        `0001 0004 00000001 ffff ffffffff 00000000 00000000 00000000 00
        00000001 0001 74 00000001 00000000 ${offset} 00000000`.replaceAll('\n', ''),
      ),
    )

  it('are clamped where they are offsets, which stay out of range', () => {
    const at = (fetchOffset: number) => ({ body: { topics: [{ partitions: [{ fetchOffset }] }] } })
    expect(fetch('7fffffffffffffff')).toMatchObject(at(Number.MAX_SAFE_INTEGER))
    expect(fetch('8000000000000000')).toMatchObject(at(Number.MIN_SAFE_INTEGER))
    expect(fetch('fffffffffffffffe')).toMatchObject(at(-2))
  })

  it('are corrupt beyond 2^53 where they are ids', () => {
    const frame = hex('00000001 | 0000 01 00000000 | 01 01 08 0020000000000000')
    expect(decodeKafkaResponse('ApiVersions', 3, frame)).toMatchObject({ kind: 'corrupt' })
  })
})

describe('records', () => {
  const body = (records: Uint8Array) => ({
    acks: -1,
    timeoutMs: 1,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })

  it('of 1 KiB and more are referenced, not copied', () => {
    const large = Buffer.alloc(1024, 7)
    expect(encodeKafkaRequest('Produce', 9, header, body(large))[1]).toBe(large)
    const small = encodeKafkaRequest('Produce', 9, header, body(large.subarray(1)))
    expect(small).toHaveLength(1)
  })

  it('are views of the frame when decoded', () => {
    const frame = join(encodeKafkaRequest('Produce', 9, header, body(Buffer.alloc(2000, 7)))).subarray(4)
    const decoded = decodeKafkaRequest(frame)
    if (decoded.kind !== 'request' || decoded.api !== 'Produce') return expect.fail(decoded.kind)
    expect(decoded.body.topicData[0]?.partitionData[0]?.records?.buffer).toBe(frame.buffer)
  })

  it('keep their order among many partitions, and the length counts them', () => {
    const partitionData = Array.from({ length: 50 }, (_, index) => ({
      index,
      records: Buffer.alloc(index % 2 ? 1500 + index : index, index),
    }))
    const chunks = encodeKafkaRequest('Produce', 9, header, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: 't', partitionData }],
    })
    const frame = join(chunks)
    expect(frame.readInt32BE(0)).toBe(frame.length - 4)
    expect(decodeKafkaRequest(frame.subarray(4))).toMatchObject({ body: { topicData: [{ partitionData }] } })
  })
})

describe('encoded chunks', () => {
  it('keep their bytes however many messages follow', () => {
    const body = (name: string) => ({ topics: [{ name }] })
    const messages = Array.from({ length: 5000 }, (_, i) => ({
      name: `topic-${i}`,
      chunks: encodeKafkaRequest('Metadata', 5, header, body(`topic-${i}`)),
    }))
    for (const { name, chunks } of messages) {
      expect(decodeKafkaRequest(join(chunks).subarray(4))).toMatchObject({ body: body(name) })
    }
  })

  it('may be larger than a slab', () => {
    const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `a-topic-with-a-long-name-${i}-ü` }))
    const frame = join(encodeKafkaRequest('Metadata', 9, header, { topics })).subarray(4)
    expect(decodeKafkaRequest(frame)).toMatchObject({ body: { topics } })
  })
})
