import {
  Consumer,
  CorruptBatchError,
  int32,
  json,
  OffsetOutOfRangeError,
  SerdeError,
  string,
  topic,
} from '@millrace/consumer-client'
import type { Message, Reader, StandardSchema } from '@millrace/consumer-client'
import { ErrorCode, NATIVE_WIRE_VERSION } from '@millrace/protocol'
import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { all, batchOf, fill, numbers, readerRig, take } from './reader-rig.ts'

describe('reading', () => {
  it('delivers everything in order and ends at the end as it was', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 35)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const first = await cluster.until(take(reader.messages(), 5))
    fill(cluster, 10)
    const rest = await cluster.until(all(reader))
    expect([...first, ...rest]).toEqual(numbers(0, 35))
    expect(reader.position(0)).toBe(35)
  })

  it('ends where the log ends now, when it has lost the end that was to be read up to', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 30)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    let isFirst = true
    cluster.intercept('Fetch', () => {
      if (isFirst) cluster.partition('flights').batches.splice(2)
      isFirst = false
      return undefined
    })
    expect(await cluster.until(all(reader))).toEqual(numbers(0, 20))
    expect(reader.position(0)).toBe(20)
  })

  it('waits for an end that it was given as a number', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 20)
    const reading = all(consumer.read('flights', { from: 'beginning', until: { offset: 30 } }))
    await cluster.advance(2000)
    fill(cluster, 20)
    expect(await cluster.until(reading)).toHaveLength(30)
  })

  it('reports an end that was lost together with what was read already', async () => {
    const { cluster, consumer } = await readerRig({ partitionMaxBytes: 1 })
    fill(cluster, 40)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    let fetches = 0
    cluster.intercept('Fetch', () => {
      fetches += 1
      if (fetches === 3) cluster.partition('flights').batches.splice(1)
      return undefined
    })
    const iterator = reader.messages()
    expect(await cluster.until(take(iterator, 20))).toEqual(numbers(0, 20))
    await expect(cluster.until(iterator.next())).rejects.toMatchObject({
      name: 'OffsetOutOfRangeError',
      offset: 20,
    })
    await consumer.close()
  })

  it('ends at once where there is nothing', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 3 })
    expect(await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))).toEqual(
      [],
    )
  })

  it.each([0, NATIVE_WIRE_VERSION])(
    'works on both wires (native version offered: %i)',
    async (nativeWire) => {
      const { cluster, consumer } = await readerRig({}, { partitions: 2 })
      cluster.nativeWire = nativeWire
      fill(cluster, 20, 0)
      fill(cluster, 20, 1)
      const values = await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))
      expect(values.toSorted()).toEqual([...numbers(0, 20), ...numbers(0, 20)].toSorted())
      await consumer.close()
    },
  )

  it('waits for what is produced later', async () => {
    const { cluster, consumer } = await readerRig()
    const iterator = consumer.read('flights', { from: 'end' }).messages()
    const next = take(iterator, 2)
    await cluster.advance(5_000)
    cluster.partition('flights').append(batchOf(['a']))
    await cluster.advance(5_000)
    cluster.partition('flights').append(batchOf(['b']))
    expect(await cluster.until(next)).toEqual(['a', 'b'])
    await consumer.close()
  })

  it.each([
    [{ offset: 17 }, 17],
    [{ timestamp: 23 }, 23],
    [{ timestamp: new Date(29) }, 29],
    ['beginning', 0],
  ] as const)('starts at %j, in the middle of a batch if need be', async (from, first) => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 40)
    expect(await cluster.until(all(consumer.read('flights', { from, until: 'end' })))).toEqual(
      numbers(first, 40),
    )
  })

  it('starts at the end when no record is as late as the time', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 10)
    const reader = consumer.read('flights', { from: { timestamp: 1e9 } })
    const next = take(reader.messages(), 1)
    await cluster.rest()
    cluster.partition('flights').append(batchOf(['late']))
    expect(await cluster.until(next)).toEqual(['late'])
    await consumer.close()
  })

  it.each([[{ offset: 17 }], [{ timestamp: 17 }]])('stops before %j', async (until) => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 40)
    const reader = consumer.read('flights', { from: 'beginning', until })
    expect(await cluster.until(all(reader))).toEqual(numbers(0, 17))
    expect(reader.position(0)).toBe(17)
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('unpacks %s', async (compression) => {
    const { cluster, consumer } = await readerRig()
    cluster.partition('flights').append(batchOf(numbers(0, 500), { compression }))
    expect(
      await cluster.until(all(consumer.read('flights', { from: { offset: 100 }, until: 'end' }))),
    ).toEqual(numbers(100, 500))
  })

  it('passes over the markers of transactions', async () => {
    const { cluster, consumer } = await readerRig()
    const log = cluster.partition('flights')
    log.append(batchOf(['0']))
    log.append(batchOf(['marker'], { isControl: true }))
    log.append(batchOf(['2']))
    log.append(batchOf(['marker'], { isControl: true }))
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    expect(await cluster.until(all(reader))).toEqual(['0', '2'])
    expect(reader.position(0)).toBe(4)
  })

  it('reads assigned partitions of several topics, each from its own position', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    cluster.createTopic('other')
    fill(cluster, 20, 1)
    cluster.partition('other').append(batchOf(['x', 'y']))
    const reader = consumer.assign([
      { topic: 'flights', partition: 1, from: { offset: 18 }, until: 'end' },
      { topic: 'other', partition: 0, from: 'beginning', until: 'end' },
    ])
    expect((await cluster.until(all(reader))).toSorted()).toEqual(['18', '19', 'x', 'y'])
    expect(() => reader.position(1)).toThrow('several topics')
    expect(reader.position({ topic: 'flights', partition: 1 })).toBe(20)
  })

  it('takes in partitions that are added to the topic', async () => {
    const { cluster, consumer } = await readerRig({ metadataMaxAgeMs: 1000 })
    const next = take(consumer.read('flights', { from: 'end' }).messages(), 1)
    await cluster.advance(2_000)
    const added = cluster.createTopic('scratch').partitions[0]!
    cluster.topics.get('flights')!.partitions.push(added)
    added.append(batchOf(['new']))
    expect(await cluster.until(next)).toEqual(['new'])
    await consumer.close()
  })

  it('asks for bytes and time as configured', async () => {
    const { cluster, consumer } = await readerRig({
      minBytes: 7,
      maxWaitMs: 123,
      maxBytes: 4567,
      partitionMaxBytes: 890,
    })
    fill(cluster, 10)
    await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))
    const [request] = cluster.requests('Fetch')
    expect(request).toMatchObject({ minBytes: 7, maxWaitMs: 123, maxBytes: 4567 })
    expect(request!.topics[0]!.partitions[0]).toMatchObject({ partitionMaxBytes: 890, currentLeaderEpoch: 0 })
  })
})

describe('batches', () => {
  it('are whole as they were stored, except at the ends of the range', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 40)
    const seen: [number, number, string[]][] = []
    const read = async (): Promise<void> => {
      const reader = consumer.read('flights', { from: { offset: 5 }, until: { offset: 33 } })
      for await (const batch of reader.batches()) {
        seen.push([batch.firstOffset, batch.endOffset, [...batch].map(({ value }) => value!.toString())])
        expect(reader.position(0)).toBe(batch.endOffset)
      }
    }
    await cluster.until(read())
    expect(seen).toEqual(
      [
        [5, 10],
        [10, 20],
        [20, 30],
        [30, 33],
      ].map(([from, to]) => [from, to, numbers(from!, to!)]),
    )
  })

  it('and messages can be read in turns', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 30)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    expect(await cluster.until(take(reader.messages(), 3))).toEqual(numbers(0, 3))
    const { value: batch } = await cluster.until(reader.batches().next())
    expect([...batch!].map(({ offset }) => offset)).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(await cluster.until(all(reader))).toEqual(numbers(10, 30))
  })
})

describe('messages', () => {
  it('carry everything, typed', async () => {
    const { cluster, consumer } = await readerRig()
    cluster.partition('flights').append(batchOf(['{"delay":3}'], { timestamp: 99 }))
    const flights = topic('flights', { value: json<{ delay: number }>() })
    const seen: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const message of consumer.read(flights, { from: 'beginning', until: 'end' })) {
        expectTypeOf(message.value).toEqualTypeOf<{ delay: number }>()
        expectTypeOf(message.key).toEqualTypeOf<Buffer | null>()
        const { offset, timestamp, partition, key, value, headers } = message
        seen.push({
          offset,
          timestamp,
          partition,
          key: key!.toString(),
          value,
          headers,
          topic: message.topic,
        })
        expect(message.value).toBe(message.value)
        expect(inspect(message)).toContain('delay: 3')
      }
    }
    await cluster.until(read())
    expect(seen).toEqual([
      {
        topic: 'flights',
        partition: 0,
        offset: 0,
        timestamp: 99,
        key: '{"delay":3}',
        value: { delay: 3 },
        headers: [],
      },
    ])
  })

  it('that cannot be decoded throw where they are used, and reading goes on behind them', async () => {
    const { cluster, consumer } = await readerRig()
    cluster.partition('flights').append(batchOf(['1', 'x', '3']))
    const flights = topic('flights', { key: string(), value: json() })
    const values: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const message of consumer.read(flights, { from: 'beginning', until: 'end' })) {
        try {
          values.push(message.value)
        } catch (error) {
          values.push(error)
          expect(inspect(message)).toContain('offset: 1')
        }
      }
    }
    await cluster.until(read())
    expect(values).toEqual([1, expect.any(SerdeError), 3])
    expect((values[1] as Error).message).toContain('cannot decode the value of flights-0 at offset 1')
  })

  it('keep the type of the reader', () => {
    const schema = {} as StandardSchema<{ origin: string }, { origin: string; delay: number }>
    const check = (consumer: Consumer): void => {
      const typed = consumer.read(topic('t', { key: int32(), value: json(schema) }), { from: 'end' })
      expectTypeOf(typed).toEqualTypeOf<Reader<number, { origin: string; delay: number }>>()
      expectTypeOf(consumer.read('t', { from: 'end' })).toEqualTypeOf<Reader<Buffer | null, Buffer | null>>()
      expectTypeOf(typed.messages()).toEqualTypeOf<
        AsyncIterableIterator<Message<number, { origin: string; delay: number }>>
      >()
      // @ts-expect-error where to start is not a matter of luck
      consumer.read('t', {})
    }
    expect(check).toBeTypeOf('function')
  })
})

describe('iteration', () => {
  it('goes on where the last loop was left, inside a batch too', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 25)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const some = async (): Promise<string[]> => {
      const values: string[] = []
      for await (const { value } of reader) {
        values.push(value!.toString())
        if (values.length === 7) break
      }
      return values
    }
    expect(await cluster.until(some())).toEqual(numbers(0, 7))
    expect(reader.position(0)).toBe(7)
    expect(await cluster.until(some())).toEqual(numbers(7, 14))
    expect(await cluster.until(all(reader))).toEqual(numbers(14, 25))
  })

  it('asks brokers for nothing while nobody iterates', async () => {
    const { cluster, consumer } = await readerRig({ maxWaitMs: 100 })
    fill(cluster, 10)
    const reader = consumer.read('flights', { from: 'beginning' })
    const iterator = reader.messages()
    await cluster.until(take(iterator, 10))
    await iterator.return!()
    await cluster.advance(200)
    const before = cluster.requests('Fetch').length
    await cluster.advance(5_000)
    expect(cluster.requests('Fetch').length).toBe(before)
    await consumer.close()
  })

  it('answers requests for more in the order in which they were made', async () => {
    const { cluster, consumer } = await readerRig()
    const iterator = consumer.read('flights', { from: 'beginning' }).messages()
    const nexts = Promise.all([1, 2, 3].map(() => iterator.next()))
    await cluster.advance(10)
    fill(cluster, 10)
    expect((await cluster.until(nexts)).map(({ value }) => (value as Message<null, Buffer>).offset)).toEqual([
      0, 1, 2,
    ])
    await consumer.close()
  })

  it('lets other work go on in between', async () => {
    const { cluster, consumer } = await readerRig()
    const log = cluster.partition('flights')
    for (let batch = 0; batch < 100; batch++) log.append(batchOf(['x'.repeat(10_000)]))
    let turns = 0
    let isReading = true
    const count = (): void => {
      turns++
      if (isReading) cluster.env.timers.endOfTurn(count)
    }
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    await cluster.until(take(reader.messages(), 1))
    cluster.env.timers.endOfTurn(count)
    await cluster.until(all(reader).finally(() => (isReading = false)))
    expect(turns).toBeGreaterThanOrEqual(3)
  })

  it('ends when the reader or the consumer is closed, in the middle of a batch too', async () => {
    for (const what of ['reader', 'consumer'] as const) {
      const { cluster, consumer } = await readerRig()
      fill(cluster, 30)
      const reader = consumer.read('flights', { from: 'beginning' })
      const iterator = reader.messages()
      expect(await cluster.until(take(iterator, 3))).toEqual(numbers(0, 3))
      await (what === 'reader' ? reader : consumer).close()
      expect(await cluster.until(iterator.next())).toEqual({ done: true, value: undefined })
      expect(() => reader.seek(0, 'end')).toThrow('the reader is closed')
      await consumer.close()
      // What the fake brokers had parked.
      await cluster.advance(2_000)
      expect(cluster.world.pendingTimers).toBe(0)
    }
  })

  it('throws the reason when it is aborted while it waits', async () => {
    const { cluster, consumer } = await readerRig()
    const controller = new AbortController()
    const reader = consumer.read('flights', { from: 'beginning', signal: controller.signal })
    const rejected = expect(all(reader)).rejects.toBe('enough')
    await cluster.advance(100)
    controller.abort('enough')
    await cluster.rest()
    await rejected
    await consumer.close()
  })
})

describe('seek, pause, position and lag', () => {
  it('a seek drops what was fetched, in the middle of a batch too', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 50)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const iterator = reader.messages()
    await cluster.until(take(iterator, 3))
    reader.seek(0, { offset: 42 })
    expect(reader.position(0)).toBe(42)
    expect(await cluster.until(take(iterator, 100))).toEqual(numbers(42, 50))
    reader.seek(0, 'beginning')
    expect(reader.position(0)).toBeNull()
    expect(await cluster.until(take(reader.messages(), 2))).toEqual(['0', '1'])
    reader.seek(0, { timestamp: 48 })
    expect(await cluster.until(all(reader))).toEqual(['48', '49'])
  })

  it('a seek before the first message overrules the start', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    fill(cluster, 20, 1)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    reader.seek(1, { offset: 15 })
    expect(await cluster.until(all(reader))).toEqual(numbers(15, 20))
  })

  it('an answer to a question from before the seek is ignored', async () => {
    const { cluster, consumer } = await readerRig()
    const reader = consumer.read('flights', { from: 'end' })
    const next = take(reader.messages(), 1)
    await cluster.advance(50)
    fill(cluster, 20)
    reader.seek(0, { offset: 13 })
    expect(await cluster.until(next)).toEqual(['13'])
    await consumer.close()
  })

  it('a paused partition delivers nothing and occupies no memory; resumed, it misses nothing', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    fill(cluster, 30, 0)
    cluster.partition('flights', 1).append(batchOf(['a', 'b', 'c']))
    const reader = consumer.read('flights', { from: 'beginning' })
    const iterator = reader.messages()
    await cluster.until(reader.connect())
    reader.pause([0])
    expect(await cluster.until(take(iterator, 3))).toEqual(['a', 'b', 'c'])
    const next = take(iterator, 30)
    await cluster.advance(5_000)
    expect([reader.isPaused(0), reader.isPaused(1), reader.prefetchedBytes]).toEqual([true, false, 0])
    reader.resume()
    expect(await cluster.until(next)).toEqual(numbers(0, 30))
    await consumer.close()
  })

  it('a pause in the middle of a batch keeps the position', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 20)
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const iterator = reader.messages()
    await cluster.until(take(iterator, 4))
    reader.pause()
    const rest = take(iterator, 100)
    await cluster.advance(2_000)
    expect(reader.position(0)).toBe(4)
    reader.resume([0])
    expect(await cluster.until(rest)).toEqual(numbers(4, 20))
  })

  it('position and lag are unknown at first, then exact', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    fill(cluster, 20, 0)
    const reader = consumer.read('flights', { from: 'beginning' })
    expect([reader.lag(), reader.partitions]).toEqual([null, []])
    await cluster.until(take(reader.messages(), 6))
    await cluster.rest()
    expect([reader.position(0), reader.lag(0), reader.lag(1), reader.lag()]).toEqual([6, 14, 0, 14])
    expect(reader.partitions).toEqual([
      { topic: 'flights', partition: 0 },
      { topic: 'flights', partition: 1 },
    ])
    expect(() => reader.position(2)).toThrow('does not read flights-2')
    await consumer.close()
  })
})

describe('memory', () => {
  it('for what is fetched ahead is bounded, and everything still arrives', async () => {
    const { cluster, consumer } = await readerRig(
      { prefetchBytes: 30_000, maxBytes: 10_000, partitionMaxBytes: 5_000 },
      { partitions: 4 },
    )
    const value = 'x'.repeat(1000)
    for (let partition = 0; partition < 4; partition++) {
      for (let batch = 0; batch < 50; batch++)
        cluster.partition('flights', partition).append(batchOf([value]))
    }
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const iterator = reader.messages()
    await cluster.until(take(iterator, 1))
    await cluster.advance(1_000)
    expect(reader.prefetchedBytes).toBeGreaterThan(15_000)
    expect(reader.prefetchedBytes).toBeLessThan(32_000)
    expect((await cluster.until(all(reader))).length).toBe(199)
  })

  it('a batch larger than all limits is delivered', async () => {
    const { cluster, consumer } = await readerRig({
      prefetchBytes: 1000,
      maxBytes: 100,
      partitionMaxBytes: 10,
    })
    cluster.partition('flights').append(batchOf(['x'.repeat(100_000)]))
    cluster.partition('flights').append(batchOf(['y']))
    expect(
      (await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))).map(
        ({ length }) => length,
      ),
    ).toEqual([100_000, 1])
  })

  it('a compressed batch that unpacks to too much is refused', async () => {
    const { cluster, consumer } = await readerRig({ decompressedBytesMax: 10_000 })
    cluster.partition('flights').append(batchOf(['x'.repeat(20_000)], { compression: 'zstd' }))
    const read = cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))
    await expect(read).rejects.toBeInstanceOf(CorruptBatchError)
  })
})

describe('failures', () => {
  it('of a leader that has moved make the reader follow it', async () => {
    const { cluster, consumer } = await readerRig({}, { brokers: 2 })
    fill(cluster, 20)
    const iterator = consumer.read('flights', { from: 'beginning' }).messages()
    expect(await cluster.until(take(iterator, 20))).toEqual(numbers(0, 20))
    const next = take(iterator, 1)
    await cluster.advance(100)
    cluster.moveLeader('flights', 0, 2)
    cluster.partition('flights').append(batchOf(['20']))
    expect(await cluster.until(next)).toEqual(['20'])
    const epochs = cluster.requests('Fetch').map(({ topics }) => topics[0]!.partitions[0]!.currentLeaderEpoch)
    expect(epochs.at(-1)).toBe(1)
    await consumer.close()
  })

  it('of a connection lose and repeat nothing', async () => {
    const { cluster, consumer } = await readerRig({ maxBytes: 300, partitionMaxBytes: 300 })
    fill(cluster, 200)
    let calls = 0
    cluster.intercept('Fetch', () => (++calls % 3 === 0 ? 'drop' : undefined))
    expect(await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))).toEqual(
      numbers(0, 200),
    )
  })

  it('that last are reported after what came before them, and reading can be tried again', async () => {
    const { cluster, consumer } = await readerRig({ apiTimeoutMs: 2_000 })
    fill(cluster, 10)
    const reader = consumer.read('flights', { from: 'beginning' })
    const iterator = reader.messages()
    await cluster.until(take(iterator, 10))
    cluster.intercept('Fetch', () => 'drop')
    await expect(cluster.until(iterator.next())).rejects.toMatchObject({
      code: 'CONNECTION',
      retriable: true,
    })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    cluster.intercept('Fetch', () => undefined)
    cluster.partition('flights').append(batchOf(['10']))
    expect(await cluster.until(take(reader.messages(), 1))).toEqual(['10'])
    await consumer.close()
  })

  it.each([
    ['error', null],
    ['earliest', 5],
    ['latest', 20],
  ] as const)('of an offset that is gone, with offsetReset %s', async (offsetReset, next) => {
    const { cluster, consumer } = await readerRig({ offsetReset })
    fill(cluster, 20)
    cluster.partition('flights').logStartOffset = 5
    const reader = consumer.read('flights', { from: { offset: 2 } })
    const read = cluster.until(take(reader.messages(), 1))
    if (next === null) {
      await expect(read).rejects.toBeInstanceOf(OffsetOutOfRangeError)
      await expect(read).rejects.toThrow('flights-0 has no offset 2 (any more): seek to another offset')
    } else {
      await cluster.advance(100)
      cluster.partition('flights').append(batchOf(['20']))
      expect(await read).toEqual([String(next)])
    }
    await consumer.close()
  })

  it("of a beginning that moves while it is looked up are nobody's concern", async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 20)
    let isFirst = true
    cluster.intercept('Fetch', () => {
      if (isFirst) cluster.partition('flights').logStartOffset = 7
      isFirst = false
      return undefined
    })
    const values = await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))
    expect(values).toEqual(numbers(7, 20))
  })

  it('of a broken batch name the place, and a seek goes on behind it', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 30)
    const broken = cluster.partition('flights').batches[1]!.bytes
    broken[broken.length - 1]! ^= 1
    const reader = consumer.read('flights', { from: 'beginning', until: 'end' })
    const values: string[] = []
    const read = async (): Promise<void> => {
      for await (const { value } of reader) values.push(value!.toString())
    }
    const error: unknown = await cluster.until(read()).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(CorruptBatchError)
    expect(error).toMatchObject({
      topic: 'flights',
      partition: 0,
      offset: 10,
      nextOffset: 20,
      code: 'CORRUPT_MESSAGE',
    })
    await expect(cluster.until(read())).rejects.toMatchObject({ offset: 10 })
    reader.seek(0, { offset: (error as CorruptBatchError).nextOffset })
    await cluster.until(read())
    expect(values).toEqual([...numbers(0, 10), ...numbers(20, 30)])
  })

  it('of a checksum can be overlooked', async () => {
    const { cluster, consumer } = await readerRig({ checkCrc: false })
    fill(cluster, 10)
    cluster.partition('flights').batches[0]!.bytes[17]! ^= 1
    expect(
      (await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))).length,
    ).toBe(10)
  })

  it('of bytes that are no batch at all are reported, not fetched for ever', async () => {
    const { cluster, consumer } = await readerRig()
    cluster.intercept('Fetch', ({ topics }) => ({
      responses: topics.map(({ topic: name, topicId, partitions }) => ({
        topic: name,
        topicId,
        partitions: partitions.map(({ partition }) => ({
          partitionIndex: partition,
          errorCode: 0,
          highWatermark: 9 as never,
          records: Buffer.alloc(50),
        })),
      })),
    }))
    await expect(cluster.until(all(consumer.read('flights', { from: 'beginning' })))).rejects.toThrow(
      'holds no whole batch',
    )
    await consumer.close()
  })

  it('of a batch that was cut off behind another partition are none: it comes whole later', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    fill(cluster, 10, 0)
    fill(cluster, 10, 1)
    let isFirst = true
    cluster.intercept('Fetch', ({ topics }) => {
      if (!isFirst) return undefined
      isFirst = false
      const [{ topicId, topic: name, partitions }] = topics as [(typeof topics)[number]]
      return {
        responses: [
          {
            topic: name,
            topicId,
            partitions: partitions.map(({ partition }, place) => {
              const { bytes } = cluster.partition('flights', partition).batches[0]!
              const records = place === 0 ? bytes : bytes.subarray(0, 40)
              return { partitionIndex: partition, errorCode: 0, highWatermark: 10 as never, records }
            }),
          },
        ],
      }
    })
    const values = await cluster.until(all(consumer.read('flights', { from: 'beginning', until: 'end' })))
    expect(values).toEqual([...numbers(0, 10), ...numbers(0, 10)])
  })

  it('of a topic that does not exist, or is deleted, end reading', async () => {
    const { cluster, consumer } = await readerRig()
    const missing = cluster.until(all(consumer.read('nope', { from: 'beginning' })))
    await expect(missing).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    fill(cluster, 10)
    const iterator = consumer.read('flights', { from: 'beginning' }).messages()
    await cluster.until(take(iterator, 10))
    cluster.topics.delete('flights')
    await expect(cluster.until(iterator.next())).rejects.toThrow('the topic was deleted')
    await consumer.close()
  })

  it('of a topic that was replaced by another of the same name end reading', async () => {
    const { cluster, consumer } = await readerRig({ metadataMaxAgeMs: 1_000 })
    fill(cluster, 10)
    const iterator = consumer.read('flights', { from: 'beginning' }).messages()
    await cluster.until(take(iterator, 10))
    cluster.createTopic('flights')
    await expect(cluster.until(iterator.next())).rejects.toMatchObject({ code: 'INCONSISTENT_TOPIC_ID' })
    await consumer.close()
  })

  it('of a history that the leader does not share are a position that is gone', async () => {
    const { cluster, consumer } = await readerRig()
    fill(cluster, 10)
    const iterator = consumer.read('flights', { from: 'beginning' }).messages()
    await cluster.until(take(iterator, 10))
    cluster.intercept('Fetch', ({ topics }) => ({
      responses: topics.map(({ topic: name, topicId }) => ({
        topic: name,
        topicId,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: 0,
            highWatermark: 5 as never,
            divergingEpoch: { epoch: 0 as never, endOffset: 5 as never },
            records: null,
          },
        ],
      })),
    }))
    await expect(cluster.until(iterator.next())).rejects.toBeInstanceOf(OffsetOutOfRangeError)
    await consumer.close()
  })

  it('that waiting cannot cure are reported at once', async () => {
    const { cluster, consumer } = await readerRig()
    cluster.intercept('Fetch', ({ topics }) => ({
      responses: topics.map(({ topic: name, topicId }) => ({
        topic: name,
        topicId,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
            highWatermark: -1 as never,
            records: null,
          },
        ],
      })),
    }))
    await expect(
      cluster.until(all(consumer.read('flights', { from: 'beginning' })), 100),
    ).rejects.toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' })
    await consumer.close()
  })

  it('of a partition that the topic lacks are named before anything is read', async () => {
    const { cluster, consumer } = await readerRig({}, { partitions: 2 })
    await expect(
      cluster.until(all(consumer.read('flights', { from: 'beginning', partitions: [2] }))),
    ).rejects.toThrow('no partition 2: it has 0 to 1')
  })
})

describe('options', () => {
  it.each([
    [{ maxBytes: 0 }, 'maxBytes must be'],
    [{ offsetReset: 'newest' as never }, "offsetReset must be 'earliest', 'latest' or 'error'"],
  ])('%j is refused with what is accepted', (options, message) => {
    expect(() => new Consumer({ bootstrap: 'localhost', ...options })).toThrow(message)
  })

  it.each([
    [{ offset: -1 }],
    [{ offset: 1.5 }],
    [{ timestamp: new Date(NaN) }],
    ['start' as never],
    [null as never],
  ])('a start at %j is refused', (from) => {
    expect(() => new Consumer({ bootstrap: 'localhost' }).read('t', { from })).toThrow(
      "from must be 'beginning', 'end'",
    )
  })
})
