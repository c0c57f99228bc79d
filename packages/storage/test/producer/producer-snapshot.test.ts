/** The bytes of `.snapshot` files, and what damaged ones give. */
import { crc32c } from '@millrace/base'
import { expect, test } from 'vitest'
import type { ProducerEntry } from '../../src/producer/producer-entry.ts'
import { formatProducerSnapshot, parseProducerSnapshot } from '../../src/producer/producer-snapshot.ts'
import { offset, time } from '../rig.ts'

const ENTRIES: ProducerEntry[] = [
  {
    producerId: 4000,
    producerEpoch: 2,
    batches: [
      {
        lastSequence: 2 ** 31 - 1,
        lastOffset: offset(2 ** 40),
        offsetDelta: 4,
        timestamp: time(1_700_000_000_000),
      },
      {
        lastSequence: 1,
        lastOffset: offset(2 ** 40 + 2),
        offsetDelta: 1,
        timestamp: time(1_700_000_000_001),
      },
    ],
    lastTimestamp: time(1_700_000_000_001),
    coordinatorEpoch: -1,
    currentTxnFirstOffset: offset(-1),
    lastSeenMs: 1_700_000_000_100,
  },
  {
    producerId: 5,
    producerEpoch: 0,
    batches: [],
    lastTimestamp: time(-1),
    coordinatorEpoch: 9,
    currentTxnFirstOffset: offset(77),
    lastSeenMs: -1,
  },
]

/** Of Apache Kafka 4.2.0, after two million records of one producer. */
const KAFKA_SNAPSHOT = Buffer.from(
  '00018c2653ee0000000100000000000000000000001e847f00000000001e847f00000be5000001a2119e4352ffffffffffffffffffffffff',
  'hex',
)

test('all is read as it was written', () => {
  expect(parseProducerSnapshot(formatProducerSnapshot(ENTRIES))).toEqual(ENTRIES)
  expect(parseProducerSnapshot(formatProducerSnapshot([]))).toEqual([])
})

test("Kafka's files are read: the last batch of each producer", () => {
  const timestamp = time(1_795_591_914_322)
  const entry = {
    producerId: 0,
    producerEpoch: 0,
    batches: [{ lastSequence: 1_999_999, lastOffset: offset(1_999_999), offsetDelta: 3045, timestamp }],
    lastTimestamp: timestamp,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: offset(-1),
    lastSeenMs: -1,
  }
  expect(parseProducerSnapshot(KAFKA_SNAPSHOT)).toEqual([entry])
  // What is added lies behind what Kafka reads: its DumpLogSegments takes such a file.
  const ours = formatProducerSnapshot([entry])
  const entries = KAFKA_SNAPSHOT.subarray(6)
  expect(ours.subarray(6, 6 + entries.length).toString('hex')).toBe(entries.toString('hex'))
  expect(ours.readUInt32BE(2)).toBe(crc32c(ours, 6, ours.length))
})

test('one flipped bit, a missing end or another version give nothing', () => {
  const bytes = formatProducerSnapshot(ENTRIES)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    expect(parseProducerSnapshot(flipped)).toBeNull()
  }
  for (let end = 0; end < bytes.length; end++)
    expect(parseProducerSnapshot(bytes.subarray(0, end))).toBeNull()
})
