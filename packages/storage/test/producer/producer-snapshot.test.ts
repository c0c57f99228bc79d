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

/** Version 1 as Kafka's schema has it, by hand: one producer. */
function kafkaSnapshot(): Buffer {
  const bytes = Buffer.from(
    [
      '0001', // version
      '00000000', // checksum
      '00000001', // entries
      '0000000000000fa0', // producer id
      '0002', // epoch
      '00000001', // last sequence
      '0000010000000002', // last offset
      '00000001', // offset delta
      '0000018bcfe56801', // timestamp
      'ffffffff', // coordinator epoch
      'ffffffffffffffff', // first offset of the open transaction
    ].join(''),
    'hex',
  )
  bytes.writeUInt32BE(crc32c(bytes, 6, bytes.length), 2)
  return bytes
}

test('all is read as it was written', () => {
  expect(parseProducerSnapshot(formatProducerSnapshot(ENTRIES))).toEqual(ENTRIES)
  expect(parseProducerSnapshot(formatProducerSnapshot([]))).toEqual([])
})

test("Kafka's files are read: the last batch of each producer", () => {
  const [entry] = parseProducerSnapshot(kafkaSnapshot())!
  expect(entry).toEqual({ ...ENTRIES[0], batches: ENTRIES[0]!.batches.slice(-1), lastSeenMs: -1 })
})

test("the entries are where Kafka's reader looks for them", () => {
  const ours = formatProducerSnapshot(ENTRIES.slice(0, 1))
  const kafkas = kafkaSnapshot()
  expect(ours.subarray(6, kafkas.length).toString('hex')).toBe(kafkas.subarray(6).toString('hex'))
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
