/** Each record once and in order, whatever is lost on the way (KIP-98, KIP-360). */
import { seededRng } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { RecordBatchView } from '@millrace/record'
import { describe, expect, it } from 'vitest'
import { IdempotentLeaders } from './idempotent-leaders.ts'
import { producerRig, storedValues } from './producer-rig.ts'
import type { ProducerRig } from './producer-rig.ts'

const SEEDS = 120
const RECORDS = 300

async function rig(options: Parameters<typeof producerRig>[0] = {}, seed = 1) {
  const { cluster, producer } = await producerRig(options, { partitions: 2, brokers: 3 })
  const leaders = new IdempotentLeaders(cluster, seededRng(seed).fork('leaders'))
  return { cluster, producer, leaders }
}

/** What a partition's batches say of their producer: epoch and base sequence. */
function sequences({ cluster }: Pick<ProducerRig, 'cluster'>, partition = 0): [number, number][] {
  return cluster.partition('flights', partition).batches.map(({ bytes }) => {
    const { producerEpoch, baseSequence } = new RecordBatchView(bytes)
    return [producerEpoch, baseSequence]
  })
}

/** Sends numbers to two partitions while requests go wrong. @returns what each became: its offset or −1 */
async function run(seed: number, { isLenient = false, deliveryTimeoutMs = 120_000 } = {}) {
  const rng = seededRng(seed)
  const options = {
    lingerMs: rng.below(3),
    batchBytes: 100 + rng.below(200),
    batchBytesMax: 300,
    requestTimeoutMs: 500,
    retryBackoffMs: 5,
    retryBackoffMaxMs: 50,
    inFlightMax: 1 + rng.below(6),
    deliveryTimeoutMs,
  }
  const { cluster, producer, leaders } = await rig(options, seed)
  leaders.trouble = { oneIn: 2 + rng.below(8), isLenient }
  const offsets = new Map<string, number>()
  const sent: Promise<unknown>[] = []
  for (let index = 0; index < RECORDS; index++) {
    const value = String(index)
    const result = producer.send('flights', { value, partition: index % 2 })
    sent.push(
      result.then(
        ({ offset }) => offsets.set(value, offset),
        () => offsets.set(value, -1),
      ),
    )
    if (rng.below(6) === 0) await cluster.advance(rng.below(8))
  }
  await cluster.advance(rng.below(2000))
  leaders.trouble = { oneIn: 0, isLenient }
  await cluster.until(Promise.all(sent))
  await cluster.until(producer.close())
  return { cluster, offsets }
}

async function forSeeds(check: (seed: number) => Promise<void>): Promise<void> {
  const only = process.env['MILLRACE_SEED']
  const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)]
  for (const seed of seeds) {
    try {
      await check(seed)
    } catch (error) {
      const command = 'npx vitest run --project unit packages/producer-client/test/idempotence.test.ts'
      throw new Error(`MILLRACE_SEED=${seed} ${command}`, { cause: error })
    }
  }
}

const numbersOf = (partition: number): string[] =>
  Array.from({ length: RECORDS / 2 }, (_, index) => String(2 * index + partition))

describe('through lost answers, late requests, refusals and moving leaders', () => {
  it.each([false, true])(
    'every record is stored once and in order (leaders that take any first sequence: %s)',
    async (isLenient) => {
      await forSeeds(async (seed) => {
        const { cluster, offsets } = await run(seed, { isLenient })
        for (const partition of [0, 1]) {
          expect(storedValues(cluster, partition)).toEqual(numbersOf(partition))
          const told = numbersOf(partition).map((value) => offsets.get(value))
          expect(told).toEqual(numbersOf(partition).map((_, index) => index))
        }
      })
    },
    60_000,
  )

  it('records that are given up are stored once or not at all, and the others in order', async () => {
    await forSeeds(async (seed) => {
      const { cluster, offsets } = await run(seed, { deliveryTimeoutMs: 300 })
      for (const partition of [0, 1]) {
        const stored = storedValues(cluster, partition).map(Number)
        expect(stored).toEqual([...new Set(stored)].toSorted((a, b) => a - b))
        for (const value of numbersOf(partition)) {
          const offset = offsets.get(value)!
          if (offset >= 0) expect(stored[offset]).toBe(Number(value))
        }
      }
    })
  }, 60_000)
})

describe('a producer', () => {
  it('numbers its records from 0 in the epoch that it was given', async () => {
    const { cluster, producer } = await rig()
    await cluster.until(
      producer.sendMany('flights', [
        { value: 'a', partition: 0 },
        { value: 'b', partition: 0 },
      ]),
    )
    await cluster.until(producer.send('flights', { value: 'c', partition: 0 }))
    await cluster.until(producer.send('flights', { value: 'd', partition: 1 }))
    expect(sequences({ cluster })).toEqual([
      [0, 0],
      [0, 2],
    ])
    expect(sequences({ cluster }, 1)).toEqual([[0, 0]])
    expect(cluster.requests('InitProducerId')).toHaveLength(1)
  })

  it('goes on in a new epoch where the brokers forgot it', async () => {
    const { cluster, producer, leaders } = await rig()
    await cluster.until(producer.send('flights', { value: 'a', partition: 0 }))
    leaders.forgetProducers()
    await cluster.until(producer.send('flights', { value: 'b', partition: 0 }))
    expect(sequences({ cluster })).toEqual([
      [0, 0],
      [1, 0],
    ])
  })

  it('fails a record whose predecessors the log lost, and goes on in a new epoch', async () => {
    const { cluster, producer } = await rig()
    await cluster.until(producer.send('flights', { value: 'a', partition: 0 }))
    let isOutOfOrder = true
    const { leader } = cluster.partition('flights')
    cluster.intercept('Produce', ({ topicData }) => {
      if (!isOutOfOrder) return undefined
      isOutOfOrder = false
      const [{ name }] = topicData as [(typeof topicData)[number]]
      const answer = { index: 0, errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1 as never }
      return { responses: [{ name, partitionResponses: [answer] }] }
    })
    expect(leader).toBe(1)
    await expect(cluster.until(producer.send('flights', { value: 'b', partition: 0 }))).rejects.toMatchObject(
      {
        code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      },
    )
    await cluster.until(producer.send('flights', { value: 'c', partition: 0 }))
    expect(sequences({ cluster })).toEqual([
      [0, 0],
      [1, 0],
    ])
  })

  it('leaves no gap behind a record that is refused', async () => {
    const { cluster, producer } = await rig()
    let refused = 0
    cluster.intercept('Produce', ({ topicData }) => {
      if (refused++ > 0) return undefined
      const answer = { index: 0, errorCode: ErrorCode.INVALID_RECORD, baseOffset: -1 as never }
      return { responses: [{ name: topicData[0]!.name, partitionResponses: [answer] }] }
    })
    await expect(cluster.until(producer.send('flights', { value: 'a', partition: 0 }))).rejects.toThrow()
    await cluster.until(producer.send('flights', { value: 'b', partition: 0 }))
    expect(sequences({ cluster })).toEqual([[1, 0]])
  })

  it('has several full batches of a partition on their way once the first is stored', async () => {
    const { cluster, producer } = await rig({ lingerMs: 0, batchBytes: 100, batchBytesMax: 100 })
    await cluster.until(producer.send('flights', { value: 'first', partition: 0 }))
    let waiting = 0
    cluster.intercept('Produce', () => {
      waiting++
      return 'ignore'
    })
    const sent = Array.from({ length: 20 }, (_, index) =>
      producer.send('flights', { value: Buffer.alloc(60, String(index)), partition: 0 }),
    )
    for (const each of sent) each.catch(() => undefined)
    await cluster.advance(100)
    expect(waiting).toBe(5)
    producer.close({ timeoutMs: 1 }).catch(() => undefined)
    await cluster.advance(100)
  })

  it('fails with advice where the brokers give no producer ids', async () => {
    const { cluster, producer } = await rig()
    cluster.intercept('InitProducerId', () => ({ errorCode: ErrorCode.UNSUPPORTED_VERSION }))
    await expect(cluster.until(producer.send('flights', { value: 'a' }))).rejects.toThrow(
      'enableIdempotence: false',
    )
    await expect(cluster.until(producer.send('flights', { value: 'b' }))).rejects.toThrow(
      'enableIdempotence: false',
    )
  })

  it('asks for its id again while there is none, and its records wait', async () => {
    const { cluster, producer } = await rig()
    let asked = 0
    cluster.intercept('InitProducerId', () =>
      asked++ < 3 ? { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS } : undefined,
    )
    await cluster.until(producer.send('flights', { value: 'a', partition: 0 }))
    expect(asked).toBe(4)
  })

  it('gives records up in time when it gets no id, and says why', async () => {
    const { cluster, producer } = await rig({ deliveryTimeoutMs: 500 })
    cluster.intercept('InitProducerId', () => ({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS }))
    await expect(cluster.until(producer.send('flights', { value: 'a' }))).rejects.toThrow('get a producer id')
  })

  it('does without where it is told so, or asks for fewer acknowledgements', async () => {
    for (const options of [{ enableIdempotence: false }, { acks: 1 as const }]) {
      const { cluster, producer } = await producerRig(options, { partitions: 1 })
      await cluster.until(producer.send('flights', { value: 'a' }))
      expect(cluster.requests('InitProducerId')).toHaveLength(0)
      expect(sequences({ cluster })).toEqual([[-1, -1]])
    }
    await expect(producerRig({ acks: 1, enableIdempotence: true })).rejects.toThrow("needs acks: 'all'")
  })
})
