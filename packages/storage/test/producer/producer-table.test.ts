/** What a leader answers to batches of idempotent producers (KIP-98, KIP-360; traps 42 to 44). */
import { RecordBatchView } from '@millrace/record'
import { describe, expect, test } from 'vitest'
import { ProducerTable, PRODUCER_ID_EXPIRATION_MS } from '../../src/producer/producer-table.ts'
import { batch, offset } from '../rig.ts'

const PRODUCER = 7
const INT32_MAX = 2 ** 31 - 1

interface Sent {
  readonly sequence: number
  readonly records?: number
  readonly epoch?: number
  readonly id?: number
}

const batchOf = ({ sequence, records = 2, epoch = 0, id = PRODUCER }: Sent): Buffer =>
  batch({ records, producerId: id, producerEpoch: epoch, baseSequence: sequence })

class Rig {
  readonly table = new ProducerTable([], { expirationMs: PRODUCER_ID_EXPIRATION_MS })
  endOffset = 0
  nowMs = 1000

  /** The verdict; what may be appended is. */
  send(...sent: readonly Sent[]): unknown {
    const bytes = Buffer.concat(sent.map(batchOf))
    const verdict = this.table.check(bytes)
    if (verdict.kind === 'duplicate') return [verdict.baseOffset, verdict.lastOffset]
    if (verdict.kind === 'refused') return verdict.refusal
    for (const each of sent) this.append(each)
    return 'append'
  }

  append(sent: Sent): void {
    const view = new RecordBatchView(batchOf(sent))
    view.stampBaseOffset(offset(this.endOffset))
    this.endOffset = view.lastOffset + 1
    this.table.stage(view, this.nowMs)
  }
}

describe('sequences', () => {
  test('of a batch that spans the end of the numbers are recognized again and followed', () => {
    const rig = new Rig()
    rig.append({ sequence: INT32_MAX - 5, records: 4 })
    expect(rig.send({ sequence: INT32_MAX - 1, records: 5 })).toBe('append')
    expect(rig.send({ sequence: INT32_MAX - 1, records: 5 })).toEqual([4, 8])
    expect(rig.send({ sequence: 3 })).toBe('append')
    expect(rig.send({ sequence: 0 })).toBe('out-of-order-sequence')
  })
})

describe('a batch', () => {
  test('without producer id is appended and leaves no trace', () => {
    const rig = new Rig()
    expect(rig.table.check(batch()).kind).toBe('append')
    expect(rig.table.size).toBe(0)
  })

  test('that is sent again is answered with its own offsets, for the last five (trap 42)', () => {
    const rig = new Rig()
    for (let index = 0; index < 6; index++) expect(rig.send({ sequence: index * 2 })).toBe('append')
    for (let index = 1; index < 6; index++)
      expect(rig.send({ sequence: index * 2 })).toEqual([index * 2, index * 2 + 1])
  })

  test('that is sent again after five others is out of order, never "stored" at a wrong offset (trap 43)', () => {
    const rig = new Rig()
    for (let index = 0; index < 6; index++) rig.send({ sequence: index * 2 })
    expect(rig.send({ sequence: 0 })).toBe('out-of-order-sequence')
  })

  test('that overlaps a known one without being it is out of order', () => {
    const rig = new Rig()
    rig.send({ sequence: 0, records: 4 })
    expect(rig.send({ sequence: 0, records: 2 })).toBe('out-of-order-sequence')
    expect(rig.send({ sequence: 2, records: 4 })).toBe('out-of-order-sequence')
  })

  test('behind a gap is out of order', () => {
    const rig = new Rig()
    rig.send({ sequence: 0 })
    expect(rig.send({ sequence: 3 })).toBe('out-of-order-sequence')
  })

  test('of an unknown producer begins at 0: the second in flight must not overtake the first', () => {
    const rig = new Rig()
    expect(rig.send({ sequence: 2 })).toBe('unknown-producer-id')
    expect(rig.send({ sequence: 0 })).toBe('append')
    expect(rig.send({ sequence: 2 })).toBe('append')
  })

  test('of an older epoch is refused, of a newer one begins at 0', () => {
    const rig = new Rig()
    rig.send({ sequence: 0, epoch: 3 })
    expect(rig.send({ sequence: 2, epoch: 2 })).toBe('invalid-producer-epoch')
    expect(rig.send({ sequence: 2, epoch: 4 })).toBe('out-of-order-sequence')
    expect(rig.send({ sequence: 0, epoch: 4 })).toBe('append')
    expect(rig.send({ sequence: 0, epoch: 3 })).toBe('invalid-producer-epoch')
    expect(rig.send({ sequence: 2, epoch: 4 })).toBe('append')
  })

  test('is checked against the others of its request', () => {
    const rig = new Rig()
    expect(rig.send({ sequence: 0 }, { sequence: 2 })).toBe('append')
    expect(rig.send({ sequence: 4 }, { sequence: 5 })).toBe('out-of-order-sequence')
    expect(rig.send({ sequence: 4 }, { sequence: 0, id: 8 }, { sequence: 6 })).toBe('append')
  })
})

describe('staged batches', () => {
  test('count at once, and are taken back when they are not written', () => {
    const rig = new Rig()
    rig.send({ sequence: 0 })
    rig.table.onWritten()
    const before = rig.table.entries
    rig.send({ sequence: 2 })
    rig.send({ sequence: 0, epoch: 1 })
    rig.send({ sequence: 0, id: 8 })
    expect(rig.send({ sequence: 0, epoch: 1 })).toEqual([4, 5])
    rig.table.rollBack()
    expect(rig.table.entries).toEqual(before)
    expect(rig.send({ sequence: 2 })).toBe('append')
  })
})

describe('a producer', () => {
  test('that appended nothing for producer.id.expiration.ms is forgotten, whatever its records say', () => {
    const rig = new Rig()
    rig.append({ sequence: 0 })
    rig.nowMs += 1
    rig.append({ sequence: 0, id: 8 })
    rig.table.expire(1000 + PRODUCER_ID_EXPIRATION_MS)
    expect(rig.table.entries.map(({ producerId }) => producerId)).toEqual([8])
    expect(rig.send({ sequence: 2 })).toBe('unknown-producer-id')
  })
})
