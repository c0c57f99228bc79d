import { type LeaderEpoch, type NodeId, type Offset, type Uuid, ZERO_UUID } from '@millrace/base'
import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { decodeKafkaResponse, encodeKafkaResponse } from '../../src/kafka/frame.ts'
import { EncodeError } from '../../src/message.ts'
import {
  decodeNativeRequest,
  decodeNativeResponse,
  encodeNativeRequest,
  encodeNativeResponse,
  nativeCorrelationId,
} from '../../src/native/frame.ts'
import { NATIVE_PREAMBLE, NATIVE_WIRE_VERSION } from '../../src/native/wire.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/[ |]/g, ''), 'hex')
const join = (chunks: Uint8Array[]) => Buffer.concat(chunks)
const header = { correlationId: 1, clientId: 'c' }

/** A frame as received: header length, header, attachments. */
function frame(packed: Uint8Array, attachments: Uint8Array = Buffer.alloc(0)): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(packed.length)
  return Buffer.concat([length, packed, attachments])
}

const METADATA = 3
const API_VERSIONS = 18

describe('the preamble', () => {
  it("can't be the length of a Kafka frame and names the version of the wire", () => {
    expect(NATIVE_PREAMBLE).toHaveLength(4)
    expect(NATIVE_PREAMBLE.readInt32BE()).toBeLessThan(0)
    expect(NATIVE_PREAMBLE[3]).toBe(NATIVE_WIRE_VERSION)
  })
})

describe('a native frame', () => {
  it('has its lengths, a msgpack array, and the records behind it', () => {
    const records = Buffer.from('0102030405', 'hex')
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
    const bytes = join(encodeNativeRequest('Produce', 11, header, { acks: -1, timeoutMs: 9, topicData }))
    // [0, 11, 1, "c", null, −1, 9, [["t", "", [[0, 5]]]]]
    expect(bytes).toEqual(hex('00000019 0012 98 00 0b 01 a163 c0 ff 09 91 93 a174 a0 91 92 00 05 0102030405'))
  })

  it('references records of any size', () => {
    const records = Buffer.alloc(3)
    const partitionData = [{ index: 0, records }]
    const chunks = encodeNativeRequest('Produce', 11, header, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ partitionData }],
    })
    expect(chunks[1]).toBe(records)
  })

  it('may have a header of more than 64 KiB', () => {
    const topics = Array.from({ length: 9000 }, (_, i) => ({ name: `topic-number-${i}` }))
    const bytes = join(encodeNativeRequest('Metadata', 12, header, { topics }))
    expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4)
    expect(bytes.readUInt16BE(4)).toBe(0xffff)
    expect(decodeNativeRequest(bytes.subarray(4))).toMatchObject({ kind: 'request', body: { topics } })
  })

  it('carries what belongs to the native wire only', () => {
    const partition = {
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1 as NodeId,
      replicaNodes: [],
      isrNodes: [],
    }
    const body = {
      brokers: [],
      topics: [{ errorCode: 0, name: 't', partitions: [{ ...partition, shardPort: 9093 }] }],
    }
    const bytes = join(encodeNativeResponse('Metadata', 12, 1, body)).subarray(4)
    expect(decodeNativeResponse('Metadata', 12, bytes)).toMatchObject({ kind: 'response', body })
  })

  it('carries a part of a snapshot behind the header, as it is', () => {
    const unalignedRecords = Buffer.from('a part of a batch')
    const body = {
      topics: [
        {
          name: '__cluster_metadata',
          partitions: [
            {
              index: 0,
              errorCode: 0,
              snapshotId: { endOffset: 7 as Offset, epoch: 2 as LeaderEpoch },
              currentLeader: { leaderId: 101 as NodeId, leaderEpoch: 3 as LeaderEpoch },
              size: 5_000_000_000,
              position: 4_000_000_000,
              unalignedRecords,
            },
          ],
        },
      ],
    }
    const chunks = encodeNativeResponse('FetchSnapshot', 1, 1, body)
    expect(chunks[1]).toBe(unalignedRecords)
    const decoded = decodeNativeResponse('FetchSnapshot', 1, join(chunks).subarray(4))
    expect(decoded).toMatchObject({ kind: 'response', body })
  })

  it("carries the answering voter's directory id, on Kafka's wire in a tagged field from version 1 on", () => {
    const voterDirectoryId = 'EAAAAAAAQACAAAAAAAAAAQ' as Uuid
    const partition = {
      partitionIndex: 0,
      errorCode: 0,
      leaderId: -1 as NodeId,
      leaderEpoch: 4 as LeaderEpoch,
      voteGranted: true,
      voterDirectoryId,
    }
    const body = { topics: [{ topicName: '__cluster_metadata', partitions: [partition] }] }
    const native = join(encodeNativeResponse('Vote', 2, 1, body)).subarray(4)
    expect(decodeNativeResponse('Vote', 2, native)).toMatchObject({ kind: 'response', body })
    const kafka = join(encodeKafkaResponse('Vote', 1, 1, body)).subarray(4)
    expect(decodeKafkaResponse('Vote', 1, kafka)).toMatchObject({ kind: 'response', body })
    const oldest = join(encodeKafkaResponse('Vote', 0, 1, body)).subarray(4)
    expect(decodeKafkaResponse('Vote', 0, oldest)).toMatchObject({
      body: { topics: [{ partitions: [{ voteGranted: true, voterDirectoryId: ZERO_UUID }] }] },
    })
  })

  it('takes fields left out for their defaults, and ignores those of a newer peer', () => {
    expect(decodeNativeRequest(frame(pack([API_VERSIONS, 4, 1, null])))).toMatchObject({
      clientId: null,
      body: { clientSoftwareName: '', clientSoftwareVersion: '' },
    })
    expect(decodeNativeRequest(frame(pack([API_VERSIONS, 4, 1, null, 'x', 'y', [1], null])))).toMatchObject({
      body: { clientSoftwareName: 'x', clientSoftwareVersion: 'y' },
    })
  })
})

describe('a native request that is not served', () => {
  it('is told by its API key and its version', () => {
    expect(decodeNativeRequest(frame(pack([999, 0, 1, null])))).toEqual({ kind: 'unknown-api', apiKey: 999 })
    expect(decodeNativeRequest(frame(pack([METADATA, 99, 1, null])))).toEqual({
      kind: 'unsupported-version',
      apiKey: METADATA,
      version: 99,
      correlationId: 1,
    })
  })
})

describe('a native frame is corrupt', () => {
  const request = (...fields: unknown[]) => frame(pack([METADATA, 12, 1, null, ...fields]))
  const deep = Buffer.concat([Buffer.alloc(60_000, 0x91), Buffer.from([0xc0])])
  it.for<[string, Buffer]>([
    ['without a header length', hex('00')],
    ['with a header beyond its end', hex('0009 94')],
    ['without its long header length', hex('ffff 0000')],
    ['with a long header beyond its end', hex('ffff 7fffffff 94')],
    ['with an empty header', hex('0000')],
    ['with a header that is no array', frame(pack('text'))],
    ['with a short header array', frame(pack([METADATA, 12]))],
    ['with a correlation id that is no int32', frame(pack([METADATA, 12, 2 ** 40, null]))],
    ['with a client id that is no string', frame(pack([METADATA, 12, 1, 7, null]))],
    ['without a field that has no default', frame(pack([METADATA, 12, 1, null]))],
    ['with a value of the wrong type', request('topics')],
    ['with null where it is not allowed', request(null, null)],
    ['with a number for a boolean', request(null, 1)],
    ['with a fraction for an integer', frame(pack([20, 6, 1, null, [], [], 1.5]))],
    ['with an element of too few fields', request([['AAAAAAAAAAAAAAAAAAAAAA']])],
    ['with a uuid of too few characters', request([['AAAA', 't']])],
    ['with a uuid of other characters', request([['AAAAAAAAAA=AAAAAAAAAAA', 't']])],
    ['with a uuid that is not in its shortest form', request([['AAAAAAAAAAAAAAAAAAAAAB', 't']])],
    ['with a map', request({ a: 1 })],
    ['with a binary', request(Buffer.from('x'))],
    ['with an extension', request(new Date(0))],
    ['with a big integer', request(2n ** 60n)],
    ['with the reserved byte 0xc1', frame(hex('95 03 0c 01 c0 c1'))],
    ['with a record definition', frame(hex('95 03 0c 01 c0 d4 72 40 91 a161 00'))],
    ['with a string that is not UTF-8', frame(hex('96 12 04 01 c0 a2 c328 a0'))],
    ['with a string beyond the header', frame(hex('96 12 04 01 c0 db 7fffffff 61'))],
    ['with an array that claims more than there is', frame(hex('95 03 0c 01 c0 dd ffffffff'))],
    ['with arrays nested without end', frame(deep)],
    ['with bytes behind the header value', frame(hex('94 12 04 01 c0 c0'))],
    ['with attachments that no field refers to', frame(pack([API_VERSIONS, 4, 1, null]), hex('00'))],
  ])('%s', ([, bytes]) => {
    expect(decodeNativeRequest(bytes)).toMatchObject({ kind: 'corrupt', reason: expect.any(String) })
  })

  it.for([6, -1, 2.5, 'x', true])('with a record size of %s for 5 bytes', (size) => {
    const packed = pack([0, 11, 1, null, null, 1, 1, [['t', 'A'.repeat(22), [[0, size]]]]])
    expect(decodeNativeRequest(frame(packed, Buffer.alloc(5)))).toMatchObject({ kind: 'corrupt' })
  })

  it('when it answers something else', () => {
    const bytes = join(encodeNativeResponse('ApiVersions', 4, 1, { apiKeys: [] })).subarray(4)
    expect(decodeNativeResponse('ApiVersions', 4, bytes).kind).toBe('response')
    expect(decodeNativeResponse('ApiVersions', 3, bytes).kind).toBe('corrupt')
    expect(decodeNativeResponse('Metadata', 4, bytes).kind).toBe('corrupt')
  })
})

describe('the correlation id of a native response', () => {
  it.for([0, 1, 127, 128, 255, 256, 65_535, 65_536, 0x7fffffff, -1, -32, -33, -129, -40_000, -0x80000000])(
    'is found without unpacking: %i',
    (correlationId) => {
      const bytes = join(
        encodeNativeResponse('DescribeCluster', 1, correlationId, { clusterId: 'c', brokers: [] }),
      )
      expect(nativeCorrelationId(bytes.subarray(4))).toBe(correlationId)
    },
  )

  it.for(['', '00', '0001 c0', '0001 93', '0003 93 00 c0', '0004 93 00 00 a0', '0004 93 00 00 cd'])(
    'is null where there is none: %s',
    (bytes) => {
      expect(nativeCorrelationId(hex(bytes))).toBe(null)
    },
  )
})

describe('a value that is not of its type', () => {
  it.for<[string, () => unknown]>([
    ['a fraction', () => encodeNativeRequest('DeleteTopics', 6, header, { timeoutMs: 0.5 })],
    ['not a number', () => encodeNativeRequest('DeleteTopics', 6, header, { timeoutMs: NaN })],
    [
      'null where it is not allowed',
      () => encodeNativeResponse('DescribeCluster', 1, 1, { clusterId: null as never, brokers: [] }),
    ],
    ['an object for a list', () => encodeNativeRequest('Metadata', 12, header, { topics: {} as never })],
  ])('is refused: %s', ([, encode]) => {
    expect(encode).toThrow(EncodeError)
  })
})
