/** Record batches that other people's code wrote; `test/vectors/README.md` tells which. */
import { readFileSync } from 'node:fs'
import type { RecordView } from '../src/record-reader.ts'
import type { CompressionName } from '../src/compression-type.ts'

export interface VectorRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** By Apache Kafka's own writer and reader. */
export interface KafkaVector {
  readonly name: string
  readonly bytes: Buffer
  readonly batches: readonly {
    readonly magic: number
    readonly baseOffset: number
    readonly lastOffset: number
    readonly sizeInBytes: number
    readonly codec: CompressionName
    readonly timestampType: string
    readonly maxTimestamp: number
    readonly producerId: number
    readonly producerEpoch: number
    readonly baseSequence: number
    readonly transactional: boolean
    readonly control: boolean
    readonly partitionLeaderEpoch: number
    readonly crc: number
    readonly records: readonly VectorRecord[]
  }[]
}

/** Captured from client programs and kfake, decoded by kafka-python. */
export interface ClientVector {
  readonly client: string
  readonly source: string
  readonly codec: CompressionName
  readonly attributes: number
  readonly transactional: boolean
  readonly control: boolean
  readonly baseOffset: number
  readonly batchLength: number
  readonly partitionLeaderEpoch: number
  readonly crc32c: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: string
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  readonly snappyFraming: 'raw' | 'xerial' | null
  readonly bytes: Buffer
  readonly records: readonly VectorRecord[]
}

export const kafkaVectors: readonly KafkaVector[] = read('record-batches-kafka.ndjson')
  .trim()
  .split('\n')
  .map((line) => withBytes(JSON.parse(line) as KafkaVector & { hex: string }))

export const clientVectors: readonly ClientVector[] = (
  JSON.parse(read('record-batches.json')) as (ClientVector & { hex: string })[]
).map(withBytes)

/** Whole v2 batches of both sources. */
export const v2Batches: readonly Buffer[] = [
  ...kafkaVectors.filter(({ name }) => name.startsWith('v2')).map(({ bytes }) => bytes),
  ...clientVectors.map(({ bytes }) => bytes),
]

export function plain(record: RecordView): VectorRecord {
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    key: hex(record.key),
    value: hex(record.value),
    headers: record.headers.map(({ key, value }) => [key, hex(value)]),
  }
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex')
}

function read(name: string): string {
  return readFileSync(new URL(`../../../test/vectors/${name}`, import.meta.url), 'utf8')
}

function withBytes<Vector extends { hex: string }>(vector: Vector): Vector & { bytes: Buffer } {
  return { ...vector, bytes: Buffer.from(vector.hex, 'hex') }
}
