/** Control records of the quorum: against bytes that Kafka's own classes wrote, and against damage. */
import { readFileSync } from 'node:fs'
import { type NodeId, timestampMs, type Uuid } from '@millrace/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EncodeError } from '../../src/message.ts'
import { decodeQuorumRecord, encodeQuorumRecord } from '../../src/quorum-record/codec.ts'
import {
  ControlRecordType,
  quorumRecord,
  type QuorumRecord,
  quorumRecordSchemas,
  type QuorumRecordType,
} from '../../src/quorum-record/quorum-record.ts'
import { arbitraryBody } from '../arbitrary-message.ts'

interface Vector {
  record: QuorumRecordType
  controlType: keyof typeof ControlRecordType
  version: number
  fill: string
  key: string
  value: string
  /** Kafka's JSON form. */
  fields: object
}

const file = new URL('../../../../test/vectors/quorum-records-kafka.ndjson', import.meta.url)
const vectors = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const node = (id: number) => id as NodeId
const directoryId = hex('10000000000040008000000000000001').toString('base64url') as Uuid

/** Every record in every version, with random fields. */
const anyRecord = fc.oneof(
  ...quorumRecordSchemas.flatMap((schema) =>
    Array.from({ length: schema.versions.max + 1 }, (_, version) =>
      arbitraryBody(schema.fields, version).map(
        (fields) => ({ ...fields, version, type: schema.name }) as QuorumRecord,
      ),
    ),
  ),
)

describe('quorum records made by Kafka', () => {
  it('cover every record in every version', () => {
    const seen = new Set(vectors.map(({ record, version }) => `${record} ${version}`))
    const declared = quorumRecordSchemas.flatMap(({ name, versions }) =>
      Array.from({ length: versions.max + 1 }, (_, version) => `${name} ${version}`),
    )
    expect(declared.filter((record) => !seen.has(record))).toEqual([])
  })

  it.for(vectors.map((vector) => [`${vector.record} v${vector.version} (${vector.fill})`, vector] as const))(
    '%s is read, and written to the same bytes',
    ([, { record, controlType, key, value, fields }]) => {
      expect(hex(key).readInt16BE(2)).toBe(ControlRecordType[controlType])
      const decoded = decodeQuorumRecord(hex(key), hex(value))
      expect(decoded).toMatchObject({ type: record, ...fields })
      const encoded = encodeQuorumRecord(decoded as QuorumRecord)
      expect(Buffer.from(encoded.key).toString('hex')).toBe(key)
      expect(Buffer.from(encoded.value).toString('hex')).toBe(value)
    },
  )
})

describe('a quorum record', () => {
  it('survives the round trip', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const { key, value } = encodeQuorumRecord(record)
        expect(decodeQuorumRecord(key, value)).toEqual(record)
      }),
    )
  })

  it('is made in version 0, the one that Kafka reads, unless told otherwise', () => {
    const made = [
      quorumRecord('LeaderChangeMessage', { leaderId: node(1), voters: [], grantingVoters: [] }),
      quorumRecord('SnapshotHeaderRecord', { lastContainedLogTimestamp: timestampMs(5) }),
      quorumRecord('SnapshotFooterRecord', {}),
      quorumRecord('KRaftVersionRecord', { kRaftVersion: 1 }),
      quorumRecord('VotersRecord', { voters: [] }),
    ]
    for (const record of made) {
      expect(record.version).toBe(0)
      const { key, value } = encodeQuorumRecord(record)
      expect(decodeQuorumRecord(key, value)).toEqual(record)
    }
  })

  it('never loses a directory id without a word', () => {
    const voters = [{ voterId: node(1), voterDirectoryId: directoryId }]
    const fields = { leaderId: node(1), voters, grantingVoters: [] }
    const tooOld = quorumRecord('LeaderChangeMessage', fields)
    expect(() => encodeQuorumRecord(tooOld)).toThrow(EncodeError)
    const { key, value } = encodeQuorumRecord(quorumRecord('LeaderChangeMessage', { version: 1, ...fields }))
    expect(decodeQuorumRecord(key, value)).toMatchObject({ version: 1, voters })
  })

  it('is not written in a version that does not exist', () => {
    const record = quorumRecord('SnapshotFooterRecord', { version: 1 })
    expect(() => encodeQuorumRecord(record)).toThrow('SnapshotFooterRecord has no version 1')
  })
})

describe('a control record that is no known quorum record', () => {
  const reasonOf = (key: string | null, value: string | null) => {
    const bytes = (text: string | null) => (text === null ? null : hex(text))
    const decoded = decodeQuorumRecord(bytes(key), bytes(value))
    return 'reason' in decoded ? decoded.reason : null
  }

  it.for<[string, string | null, string | null, string]>([
    ['a marker that ends a transaction', '0000 0001', '0000 00000000', 'control record type 1 is unknown'],
    ['of an unknown type', '0000 0009', '0000 00', 'control record type 9 is unknown'],
    ['of a later version', '0000 0004', '0001 00', 'version 1 of SnapshotFooterRecord is unknown'],
    ['with bytes behind it', '0000 0004', '0000 00 00', '1 bytes too many'],
    ['with a negative version of its key', 'ffff 0004', '0000 00', "version -1 of a control record's key"],
    ['without a key', null, '0000 00', 'a control record without a key'],
    ['without a value', '0000 0004', null, 'a control record without a value'],
  ])('is refused with a reason: %s', ([, key, value, reason]) => {
    expect(reasonOf(key, value)).toBe(reason)
  })

  it('is refused when it is cut off', () => {
    expect(reasonOf('0000', '0000 00')).not.toBeNull()
    expect(reasonOf('0000 0004', '00')).not.toBeNull()
    expect(reasonOf('0000 0005', '0000 00')).not.toBeNull()
  })

  it('never makes decoding throw, however it was damaged', () => {
    const anyBytes = fc.uint8Array({ maxLength: 64 })
    fc.assert(fc.property(anyBytes, anyBytes, (key, value) => void decodeQuorumRecord(key, value)))
    fc.assert(
      fc.property(anyRecord, fc.nat(), fc.nat(7), (record, at, bit) => {
        const { key, value } = encodeQuorumRecord(record)
        const damaged = Buffer.from(value)
        damaged[at % damaged.length]! ^= 1 << bit
        void decodeQuorumRecord(key, damaged)
      }),
    )
  })

  it('does not stop a later version of the key from being read', () => {
    expect(decodeQuorumRecord(hex('0001 0004 77'), hex('0000 00'))).toMatchObject({
      type: 'SnapshotFooterRecord',
    })
  })
})
