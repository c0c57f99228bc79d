import { json, Producer, SendManyError, string, topic } from '@millrace/producer-client'
import type { ProducerRecord, Serde, StandardSchema } from '@millrace/producer-client'
import { ErrorCode, NATIVE_WIRE_VERSION } from '@millrace/protocol'
import { readRecords } from '@millrace/record'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { batchSizes, producerRig, storedValues } from './producer-rig.ts'

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => String(from + index))

describe('sending', () => {
  it('tells each record where it was stored', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 3 })
    const sent = ['SFO', 'JFK', 'SFO'].map((key, value) =>
      producer.send('flights', { key, value: String(value), timestamp: 1000 + value }),
    )
    const results = await cluster.until(Promise.all(sent))
    expect(results[0]!.partition).toBe(results[2]!.partition)
    expect(results.map(({ timestamp }) => timestamp)).toEqual([1000, 1001, 1002])
    results.forEach(({ partition, offset }, value) =>
      expect(storedValues(cluster, partition)[offset]).toBe(String(value)),
    )
  })

  it("gives the broker's time where the topic stores that", async () => {
    const { cluster, producer } = await producerRig()
    cluster.logAppendTime = 4711
    expect(
      await cluster.until(producer.send('flights', { value: 'x', timestamp: new Date(5) })),
    ).toMatchObject({ timestamp: 4711 })
  })

  it('stores key, value, headers and timestamp as they were given', async () => {
    const { cluster, producer } = await producerRig()
    const headers: [string, string | Uint8Array | null][] = [
      ['a', 'é'],
      ['a', null],
      ['b', Uint8Array.of(1)],
    ]
    await cluster.until(
      producer.send('flights', { key: Buffer.from([0, 255]), value: null, headers, timestamp: 77 }),
    )
    const records = readRecords(cluster.partition('flights').batches[0]!.bytes, { maxDecompressedBytes: 1e6 })
    if ('kind' in records) throw new Error(records.message)
    const record = records.read()!
    expect([record.timestamp, record.value, [...record.key!]]).toEqual([77, null, [0, 255]])
    expect(record.headers.map(({ key, value }) => [key, value === null ? null : Buffer.from(value)])).toEqual(
      [
        ['a', Buffer.from('é')],
        ['a', null],
        ['b', Buffer.of(1)],
      ],
    )
  })

  it.each([0, NATIVE_WIRE_VERSION])(
    'works on both wires (native version offered: %i)',
    async (nativeWire) => {
      const { cluster, producer } = await producerRig()
      cluster.nativeWire = nativeWire
      expect(await cluster.until(producer.send('flights', { value: 'x' }))).toMatchObject({ offset: 0 })
      await cluster.until(producer.close())
    },
  )

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('compresses batches with %s', async (compression) => {
    const { cluster, producer } = await producerRig({ compression })
    const values = numbers(500).map((value) => `value ${value}`)
    await cluster.until(
      producer.sendMany(
        'flights',
        values.map((value) => ({ value })),
      ),
    )
    expect(storedValues(cluster)).toEqual(values)
    expect(cluster.partition('flights').batches[0]!.bytes.length).toBeLessThan(5000)
  })

  it('uses the partition that the record names, and refuses one that the topic lacks', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 2 })
    expect(await cluster.until(producer.send('flights', { value: 'x', partition: 1 }))).toMatchObject({
      partition: 1,
    })
    await expect(cluster.until(producer.send('flights', { value: 'x', partition: 2 }))).rejects.toThrow(
      'has no partition 2: it has 0 to 1',
    )
    await expect(cluster.until(producer.send('flights', { value: 'x', partition: -1 }))).rejects.toThrow(
      '0 or greater',
    )
  })

  it('refuses a value that the serde refuses, naming the field', async () => {
    const { cluster, producer } = await producerRig()
    const refuse = (): never => {
      throw new Error('no')
    }
    const refusing: Serde<number> = { encode: refuse, decode: refuse }
    const broken = topic('flights', { value: refusing })
    await expect(cluster.until(producer.send(broken, { value: 1 }))).rejects.toMatchObject({
      code: 'ENCODE',
      message: 'cannot encode the value for topic flights: no',
    })
  })

  it('refuses a record that no request can carry', async () => {
    const { cluster, producer } = await producerRig()
    const sent = cluster.until(producer.send('flights', { value: Buffer.alloc(1024 * 1024 + 1) }))
    await expect(sent).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  })

  it('checks types against the topic', () => {
    interface Flight {
      readonly origin: string
    }
    const flights = topic('flights', { key: string(), value: json({} as StandardSchema<Flight>) })
    const check = (producer: Producer): void => {
      void producer.send(flights, { key: 'SFO', value: { origin: 'SFO' } })
      void producer.send('flights', { value: 'text' })
      // @ts-expect-error the key is missing
      void producer.send(flights, { value: { origin: 'SFO' } })
      // @ts-expect-error the value is not a flight
      void producer.send(flights, { key: 'SFO', value: { destination: 'JFK' } })
      // @ts-expect-error without a serde there are no numbers
      void producer.send('flights', { value: 7 })
      // @ts-expect-error each record is checked
      void producer.sendMany(flights, [{ key: 'SFO', value: {} }])
    }
    expect(check).toBeTypeOf('function')
    expectTypeOf<ProducerRecord<string | null, number>>()
      .toHaveProperty('key')
      .toEqualTypeOf<string | null | undefined>()
  })
})

describe('batching', () => {
  it('lets records of the linger time travel together', async () => {
    const { cluster, producer } = await producerRig({ lingerMs: 20 })
    await cluster.until(producer.connect())
    await cluster.until(producer.send('flights', { value: 'warm' }))
    cluster.seen.length = 0
    const sent = [producer.send('flights', { value: 'a' })]
    await cluster.advance(15)
    sent.push(producer.send('flights', { value: 'b' }))
    await cluster.advance(4)
    expect(batchSizes(cluster)).toEqual([])
    await cluster.advance(1)
    expect(batchSizes(cluster)).toEqual([2])
    await cluster.until(Promise.all(sent))
  })

  it('does not let a full batch linger', async () => {
    const { cluster, producer } = await producerRig({
      lingerMs: 60_000,
      batchBytes: 1000,
      batchBytesMax: 1000,
    })
    const sent = Promise.all(numbers(5).map(() => producer.send('flights', { value: Buffer.alloc(300) })))
    await cluster.rest()
    expect(batchSizes(cluster)).toEqual([3])
    await cluster.until(sent, 61_000)
  })

  it('lets a batch grow while the one before it is on its way', async () => {
    const { cluster, producer } = await producerRig({ batchBytes: 1000, batchBytesMax: 4000 })
    await cluster.until(producer.send('flights', { value: 'warm' }))
    const answer = Promise.withResolvers<void>()
    cluster.intercept('Produce', () => undefined)
    let calls = 0
    cluster.intercept('Produce', () =>
      calls++ === 0 ? answer.promise.then(() => ({ responses: [] })) : undefined,
    )
    const first = producer.send('flights', { value: Buffer.alloc(900) }).catch(() => 'lost')
    await cluster.advance(10)
    const later = numbers(12).map(() =>
      producer.send('flights', { value: Buffer.alloc(600) }).catch(() => 'late'),
    )
    await cluster.advance(10)
    answer.resolve()
    await cluster.until(Promise.all([first, ...later]))
    expect(batchSizes(cluster).slice(2)).toEqual([6, 6])
  })

  it('sends the batches of one leader in one request', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 8 })
    await cluster.until(
      Promise.all(numbers(8).map((value, partition) => producer.send('flights', { value, partition }))),
    )
    expect(cluster.requests('Produce').length).toBe(1)
  })

  it('keeps requests below their maximum size', async () => {
    const { cluster, producer } = await producerRig(
      { requestBytesMax: 2048, batchBytes: 1024, batchBytesMax: 1024 },
      { partitions: 6 },
    )
    const sent = numbers(6).map((_value, partition) =>
      producer.send('flights', { value: Buffer.alloc(900), partition }),
    )
    await cluster.until(Promise.all(sent))
    expect(cluster.requests('Produce').map(({ topicData }) => topicData[0]!.partitionData.length)).toEqual([
      2, 2, 2,
    ])
  })

  it('never has more requests in flight than allowed', async () => {
    const { cluster, producer } = await producerRig(
      { requestBytesMax: 1024, batchBytes: 1024, batchBytesMax: 1024, inFlightMax: 2 },
      { partitions: 6 },
    )
    const answers: (() => void)[] = []
    cluster.intercept('Produce', ({ topicData }) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      answers.push(resolve)
      const { index } = topicData[0]!.partitionData[0]!
      return promise.then(() => ({
        responses: [
          { name: 'flights', partitionResponses: [{ index, errorCode: 0, baseOffset: 0 as never }] },
        ],
      }))
    })
    const sent = Promise.all(
      numbers(6).map((_value, partition) =>
        producer.send('flights', { value: Buffer.alloc(900), partition }),
      ),
    )
    await cluster.advance(10)
    expect(answers.length).toBe(2)
    for (let done = 0; done < 6; done++) {
      answers[done]!()
      await cluster.advance(10)
      expect(answers.length).toBe(Math.min(6, done + 3))
    }
    await sent
  })
})

describe('failures', () => {
  it('keep the order of a partition: a failed batch goes again before later ones', async () => {
    const { cluster, producer } = await producerRig({ lingerMs: 0, batchBytes: 200, batchBytesMax: 200 })
    let calls = 0
    cluster.intercept('Produce', () => {
      calls++
      if (calls === 2 || calls === 5) return 'drop'
      return calls === 3
        ? {
            responses: [
              {
                name: 'flights',
                partitionResponses: [
                  { index: 0, errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, baseOffset: -1 as never },
                ],
              },
            ],
          }
        : undefined
    })
    const values = numbers(100)
    const results = await cluster.until(
      Promise.all(values.map((value) => producer.send('flights', { value }))),
    )
    expect(storedValues(cluster)).toEqual(values)
    expect(results.map(({ offset }) => offset)).toEqual(values.map(Number))
  })

  it('of a leader that has moved make the producer follow it', async () => {
    const { cluster, producer } = await producerRig({}, { brokers: 2 })
    await cluster.until(producer.send('flights', { value: 'a' }))
    cluster.moveLeader('flights', 0, 2)
    await cluster.until(producer.send('flights', { value: 'b' }))
    expect(storedValues(cluster)).toEqual(['a', 'b'])
    expect(
      cluster.seen.filter(({ request }) => request.api === 'Produce').map(({ brokerId }) => brokerId),
    ).toEqual([1, 1, 2])
  })

  it('of a leader that has moved cost no pause once the new one is known', async () => {
    const options = { retryBackoffMs: 5000, retryBackoffMaxMs: 5000, metadataMaxAgeMs: 1_000_000 }
    const { cluster, producer } = await producerRig(options, { brokers: 2 })
    await cluster.until(producer.send('flights', { value: 'a' }))
    // Metadata is not asked for more often than that.
    await cluster.advance(5000)
    cluster.moveLeader('flights', 0, 2)
    const startMs = cluster.world.clock.monoMs()
    await cluster.until(producer.send('flights', { value: 'b' }))
    expect(cluster.world.clock.monoMs() - startMs).toBeLessThan(100)
    expect(storedValues(cluster)).toEqual(['a', 'b'])
  })

  it('of a broker that died make the producer find the new leader', async () => {
    const { cluster, producer } = await producerRig({}, { brokers: 2 })
    await cluster.until(producer.send('flights', { value: 'a' }))
    await cluster.killBroker(1)
    cluster.moveLeader('flights', 0, 2)
    await cluster.until(producer.send('flights', { value: 'b' }))
    expect(storedValues(cluster)).toEqual(['a', 'b'])
  })

  it('that waiting cannot cure reject the records and nothing else', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 2 })
    cluster.intercept('Produce', ({ topicData }) => ({
      responses: topicData.map(({ name, partitionData }) => ({
        name,
        partitionResponses: partitionData.map(({ index }) => ({
          index,
          errorCode: index === 0 ? ErrorCode.TOPIC_AUTHORIZATION_FAILED : 0,
          baseOffset: 0 as never,
          errorMessage: index === 0 ? 'not yours' : null,
        })),
      })),
    }))
    const refused = producer.send('flights', { value: 'a', partition: 0 })
    const stored = producer.send('flights', { value: 'b', partition: 1 })
    const rejected = expect(refused).rejects.toThrow(
      'produce to flights-0: not yours (TOPIC_AUTHORIZATION_FAILED)',
    )
    await cluster.until(stored)
    await rejected
  })

  it('of single records name the ones to blame', async () => {
    const { cluster, producer } = await producerRig()
    cluster.intercept('Produce', () => ({
      responses: [
        {
          name: 'flights',
          partitionResponses: [
            {
              index: 0,
              errorCode: ErrorCode.INVALID_RECORD,
              baseOffset: -1 as never,
              recordErrors: [{ batchIndex: 1, batchIndexErrorMessage: 'no key' }],
            },
          ],
        },
      ],
    }))
    const sent = numbers(2).map((value) => producer.send('flights', { value }))
    const [innocent, guilty] = await cluster.until(Promise.allSettled(sent))
    expect((guilty as PromiseRejectedResult).reason).toMatchObject({
      message: expect.stringContaining('no key') as string,
    })
    expect((innocent as PromiseRejectedResult).reason).toMatchObject({
      message: expect.stringContaining('another record') as string,
    })
  })

  it('by size split the batch, keep the order, and make later batches smaller', async () => {
    const { cluster, producer } = await producerRig()
    cluster.intercept('Produce', ({ topicData }) => {
      const { records } = topicData[0]!.partitionData[0]!
      if (records!.length <= 1000) return undefined
      return {
        responses: [
          {
            name: 'flights',
            partitionResponses: [
              { index: 0, errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 as never },
            ],
          },
        ],
      }
    })
    const values = numbers(200)
    const results = await cluster.until(
      Promise.all(values.map((value) => producer.send('flights', { value }))),
    )
    expect(storedValues(cluster)).toEqual(values)
    expect(results.map(({ offset }) => offset)).toEqual(values.map(Number))
    cluster.seen.length = 0
    await cluster.until(Promise.all(values.map((value) => producer.send('flights', { value }))))
    for (const { topicData } of cluster.requests('Produce'))
      expect(topicData[0]!.partitionData[0]!.records!.length).toBeLessThanOrEqual(1000)
  })

  it('of a single record by size are final', async () => {
    const { cluster, producer } = await producerRig()
    cluster.intercept('Produce', () => ({
      responses: [
        {
          name: 'flights',
          partitionResponses: [{ index: 0, errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 as never }],
        },
      ],
    }))
    await expect(cluster.until(producer.send('flights', { value: 'x' }))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    })
    expect(cluster.requests('Produce').length).toBe(1)
  })

  it('end at the delivery deadline, with the last one as the cause', async () => {
    const { cluster, producer } = await producerRig({ deliveryTimeoutMs: 3_000 })
    cluster.intercept('Produce', () => 'drop')
    const startMs = cluster.world.clock.monoMs()
    const sent = cluster.until(producer.send('flights', { value: 'x' }))
    await expect(sent).rejects.toMatchObject({ code: 'TIMEOUT', cause: { code: 'CONNECTION' } })
    expect(cluster.world.clock.monoMs() - startMs).toBeLessThan(3_100)
    expect(producer.bufferedBytes).toBe(0)
  })

  it('of a request that nobody answers end with its time-out, and another connection is tried', async () => {
    const { cluster, producer } = await producerRig({ requestTimeoutMs: 1_000 })
    let calls = 0
    cluster.intercept('Produce', () => (calls++ === 0 ? 'ignore' : undefined))
    expect(await cluster.until(producer.send('flights', { value: 'x' }))).toMatchObject({ offset: 0 })
  })

  it('of a topic that was deleted end soon', async () => {
    const { cluster, producer } = await producerRig()
    await cluster.until(producer.send('flights', { value: 'a' }))
    cluster.topics.delete('flights')
    const startMs = cluster.world.clock.monoMs()
    await expect(cluster.until(producer.send('flights', { value: 'b' }))).rejects.toThrow(
      'the topic was deleted',
    )
    expect(cluster.world.clock.monoMs() - startMs).toBeLessThan(7_000)
  })
})

describe('a topic that was deleted and created again', () => {
  it('with fewer partitions fails what was meant for the others, and nothing else', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 2 })
    await cluster.until(producer.send('flights', { value: 'a', partition: 1 }))
    cluster.createTopic('flights', 1)
    const lost = producer.send('flights', { value: 'b', partition: 1 })
    const stored = producer.send('flights', { value: 'c', partition: 0 })
    const rejected = expect(lost).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await cluster.until(stored)
    await cluster.advance(6_000)
    await rejected
    expect(storedValues(cluster)).toEqual(['c'])
  })
})

describe('acks', () => {
  it.each([
    ['all', -1],
    [1, 1],
  ] as const)('%s is %i on the wire', async (acks, onWire) => {
    const { cluster, producer } = await producerRig({ acks })
    await cluster.until(producer.send('flights', { value: 'x' }))
    expect(cluster.requests('Produce')[0]!.acks).toBe(onWire)
  })

  it('0 waits for no answer and knows no offset', async () => {
    const { cluster, producer } = await producerRig({ acks: 0 })
    const values = numbers(3)
    const results = await cluster.until(
      Promise.all(values.map((value) => producer.send('flights', { value, timestamp: 9 }))),
    )
    expect(results[0]).toEqual({ topic: 'flights', partition: 0, offset: -1, timestamp: 9 })
    await cluster.rest()
    expect(storedValues(cluster)).toEqual(values)
  })
})

describe('memory', () => {
  it('is bounded: what does not fit waits, in order', async () => {
    const { cluster, producer } = await producerRig({
      bufferBytes: 4096,
      requestBytesMax: 2048,
      batchBytes: 1024,
      batchBytesMax: 1024,
    })
    await cluster.until(producer.send('flights', { value: 'warm' }))
    const held = Promise.withResolvers<void>()
    let calls = 0
    cluster.intercept('Produce', () =>
      calls++ === 0 ? held.promise.then(() => ({ responses: [] })) : undefined,
    )
    const values = numbers(100)
    const first = producer.send('flights', { value: 'lost' }).catch(() => null)
    await cluster.advance(10)
    const sent = values.map((value) => producer.send('flights', { value: value.padEnd(200) }))
    await cluster.advance(10)
    expect(producer.bufferedBytes).toBeLessThanOrEqual(4096)
    expect(producer.bufferedBytes).toBeGreaterThan(2048)
    held.resolve()
    await cluster.until(Promise.all([first, ...sent]))
    expect(
      storedValues(cluster)
        .slice(1)
        .map((value) => value.trim()),
    ).toEqual(values)
    expect(producer.bufferedBytes).toBe(0)
  })

  it('that does not become free in time rejects what waits for it', async () => {
    const { cluster, producer } = await producerRig({
      bufferBytes: 2048,
      requestBytesMax: 2048,
      batchBytes: 1024,
      batchBytesMax: 1024,
      maxBlockMs: 500,
    })
    cluster.intercept('Produce', () => 'ignore')
    const sent = numbers(30).map((value) => producer.send('flights', { value: value.padEnd(200) }))
    const outcomes = Promise.allSettled(sent)
    await cluster.advance(600)
    await expect(sent.at(-1)).rejects.toThrow(
      /no record of topic flights was accepted within 500 ms: \d+ of 2048 buffered bytes/,
    )
    await cluster.until(producer.close({ timeoutMs: 10 }).catch(() => null))
    await outcomes
  })

  it('does not hold endless lines either', async () => {
    const { cluster, producer } = await producerRig({ waitingRecordsMax: 10 })
    const sent = numbers(12).map((value) => producer.send('flights', { value }))
    await expect(sent[10]).rejects.toMatchObject({ code: 'BUFFER_FULL' })
    await expect(sent[11]).rejects.toMatchObject({ code: 'BUFFER_FULL' })
    await cluster.until(Promise.all(sent.slice(0, 10)))
  })
})

describe('topics', () => {
  it('are waited for, without holding up others, and keep the order of sending', async () => {
    const { cluster, producer } = await producerRig()
    const late = numbers(3).map((value) => producer.send('late', { value }))
    await cluster.advance(100)
    await cluster.until(producer.send('flights', { value: 'x' }))
    cluster.createTopic('late')
    await cluster.until(Promise.all(late))
    expect(storedValues(cluster, 0, 'late')).toEqual(numbers(3))
  })

  it('that do not exist reject what waits for them', async () => {
    const { cluster, producer } = await producerRig()
    await expect(cluster.until(producer.send('nope', { value: 'x' }))).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  it('are created by sending where the brokers allow it', async () => {
    const { cluster, producer } = await producerRig()
    cluster.autoCreatePartitions = 2
    await cluster.until(producer.send('fresh', { value: 'x' }))
    expect(cluster.topics.get('fresh')!.partitions.length).toBe(2)
  })
})

describe('sendMany', () => {
  it('stores everything in order and merges what lies together', async () => {
    const { cluster, producer } = await producerRig({ batchBytes: 500, batchBytesMax: 500 })
    const values = numbers(1000)
    const result = await cluster.until(
      producer.sendMany(
        'flights',
        values.map((value) => ({ value })),
      ),
    )
    expect(result).toEqual({
      topic: 'flights',
      recordCount: 1000,
      ranges: [{ partition: 0, baseOffset: 0, recordCount: 1000 }],
    })
    expect(storedValues(cluster)).toEqual(values)
  })

  it('takes from its input only what fits into memory', async () => {
    const { cluster, producer } = await producerRig({
      bufferBytes: 4096,
      requestBytesMax: 2048,
      batchBytes: 1024,
      batchBytesMax: 1024,
    })
    await cluster.until(producer.send('flights', { value: 'warm' }))
    let taken = 0
    const records = function* () {
      for (const value of numbers(100)) {
        taken++
        yield { value: value.padEnd(200) }
      }
    }
    cluster.intercept('Produce', () => 'ignore')
    const sent = producer.sendMany('flights', records())
    const outcome = sent.catch(() => null)
    await cluster.advance(50)
    expect(taken).toBeLessThan(25)
    await cluster.until(producer.close({ timeoutMs: 10 }).catch(() => null))
    await outcome
  })

  it('takes an async stream', async () => {
    const { cluster, producer } = await producerRig()
    const records = async function* () {
      for (const value of numbers(10)) yield await Promise.resolve({ value })
    }
    expect(await cluster.until(producer.sendMany('flights', records()))).toMatchObject({ recordCount: 10 })
  })

  it('stops at the first bad record and says what was stored', async () => {
    const { cluster, producer } = await producerRig()
    const values = topic('flights', { value: string() })
    const sent = producer.sendMany(values, [
      { value: 'a' },
      { value: 'b' },
      { value: 7 as never },
      { value: 'c' },
    ])
    const error: unknown = await cluster.until(sent).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(SendManyError)
    expect(error).toMatchObject({ code: 'ENCODE', stored: { recordCount: 2 }, failedCount: 0 })
    expect(storedValues(cluster)).toEqual(['a', 'b'])
  })

  it('stops taking records when some could not be stored', async () => {
    const { cluster, producer } = await producerRig({ batchBytes: 200, batchBytesMax: 200 })
    cluster.intercept('Produce', () => ({
      responses: [
        {
          name: 'flights',
          partitionResponses: [
            { index: 0, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, baseOffset: -1 as never },
          ],
        },
      ],
    }))
    const sent = cluster.until(
      producer.sendMany(
        'flights',
        numbers(10).map((value) => ({ value })),
      ),
    )
    await expect(sent).rejects.toMatchObject({
      code: 'TOPIC_AUTHORIZATION_FAILED',
      stored: { recordCount: 0 },
      failedCount: 10,
    })
  })

  it('ends when aborted', async () => {
    const { cluster, producer } = await producerRig()
    const controller = new AbortController()
    cluster.intercept('Produce', () => 'ignore')
    const sent = producer.sendMany(
      'flights',
      numbers(10).map((value) => ({ value })),
      { signal: controller.signal },
    )
    const rejected = expect(sent).rejects.toBe('stop')
    await cluster.advance(20)
    controller.abort('stop')
    await rejected
  })
})

describe('abort and time-out of one send', () => {
  it('withdraw a record that has not been accepted', async () => {
    const { cluster, producer } = await producerRig({}, { partitions: 0 })
    const controller = new AbortController()
    const sent = producer.send('flights', { value: 'no' }, { signal: controller.signal })
    const rejected = expect(sent).rejects.toBe('stop')
    await cluster.rest()
    controller.abort('stop')
    await rejected
    cluster.createTopic('flights')
    await cluster.until(producer.send('flights', { value: 'yes' }))
    expect(storedValues(cluster)).toEqual(['yes'])
  })

  it('reject in time', async () => {
    const { cluster, producer } = await producerRig()
    cluster.intercept('Produce', () => 'ignore')
    const sent = cluster.until(producer.send('flights', { value: 'x' }, { timeoutMs: 100 }))
    await expect(sent).rejects.toThrow('was not acknowledged in 100 ms')
  })
})

describe('flush and close', () => {
  it('flush sends without lingering and waits for the acknowledgement', async () => {
    const { cluster, producer } = await producerRig({ lingerMs: 60_000 })
    let done = 0
    const sent = numbers(3).map((value) => producer.send('flights', { value }).then(() => done++))
    await cluster.until(producer.flush(), 1000)
    expect(done).toBe(3)
    await Promise.all(sent)
  })

  it('flush waits for records that were split', async () => {
    const { cluster, producer } = await producerRig({ lingerMs: 60_000 })
    let calls = 0
    cluster.intercept('Produce', () =>
      calls++ === 0
        ? {
            responses: [
              {
                name: 'flights',
                partitionResponses: [
                  { index: 0, errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 as never },
                ],
              },
            ],
          }
        : undefined,
    )
    let done = 0
    const sent = numbers(10).map((value) => producer.send('flights', { value }).then(() => done++))
    await cluster.until(producer.flush(), 1000)
    expect(done).toBe(10)
    await Promise.all(sent)
  })

  it('close delivers what was accepted, and refuses what comes later', async () => {
    const { cluster, producer } = await producerRig({ lingerMs: 60_000 })
    const sent = producer.send('flights', { value: 'x' })
    await cluster.until(producer.close())
    expect(await sent).toMatchObject({ offset: 0 })
    await expect(producer.send('flights', { value: 'y' })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(cluster.world.pendingTimers).toBe(0)
  })

  it('close gives up in time and tells the records', async () => {
    const { cluster, producer } = await producerRig()
    cluster.intercept('Produce', () => 'ignore')
    const rejected = expect(producer.send('flights', { value: 'x' })).rejects.toMatchObject({
      code: 'CLOSED',
    })
    await expect(cluster.until(producer.close({ timeoutMs: 200 }))).rejects.toMatchObject({ code: 'TIMEOUT' })
    await rejected
  })

  it('await using closes', async () => {
    const { cluster } = await producerRig()
    let result: unknown
    const use = async (): Promise<void> => {
      await using producer = new Producer({
        bootstrap: cluster.bootstrap,
        env: cluster.env,
        lingerMs: 60_000,
      })
      producer.send('flights', { value: 'x' }).then(
        (stored) => (result = stored),
        () => undefined,
      )
    }
    await cluster.until(use())
    expect(result).toMatchObject({ offset: 0 })
  })
})

describe('options', () => {
  it.each([
    [{ acks: 2 as never }, "acks must be 0, 1 or 'all'"],
    [{ compression: 'brotli' as never }, 'compression must be one of none, gzip'],
    [{ batchBytes: 0 }, 'batchBytes must be'],
    [{ batchBytesMax: 2 ** 25 }, 'batchBytesMax must be a whole number from 1 to 1048576'],
    [{ bootstrap: '' }, 'bootstrap is empty'],
  ])('%j is refused with what is accepted', (options, message) => {
    expect(() => new Producer({ bootstrap: 'localhost', ...options })).toThrow(message)
  })
})
