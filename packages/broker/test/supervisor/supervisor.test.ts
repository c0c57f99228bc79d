import { afterEach, describe, expect, it, vi } from 'vitest'
import { readdirSync, rmSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { nodeId } from '@millrace/base'
import { nodeEnv, silentLog } from '@millrace/base/node'
import { ErrorCode, errorInfo } from '@millrace/protocol'
import { CompressionType } from '@millrace/record'
import type { LeaderLoss, SupervisorCalls } from '../../src/shard/shard-control.ts'
import { InlineLauncher } from '../../src/supervisor/inline-launcher.ts'
import { BrokerStoppedError } from '../../src/lifecycle/broker-registration-error.ts'
import { batchOf, valuesOf } from '../support/batches.ts'
import { LateReplica } from '../support/late-replica.ts'
import { NODE } from '../support/local-metadata.ts'
import { brokerParts, fetchFrom, produceTo, RunningBroker } from '../support/running-broker.ts'

// Threads take their time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const running: RunningBroker[] = []
afterEach(async () => {
  for (const broker of running.splice(0)) await broker.discard()
})

async function start(...options: Parameters<typeof RunningBroker.start>): Promise<RunningBroker> {
  const broker = await RunningBroker.start(...options)
  running.push(broker)
  return broker
}

/** The threads that start while `action` runs, in the order of their start. */
async function threadsOf<T>(action: () => Promise<T>): Promise<[T, Worker[]]> {
  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => void threads.push(worker)
  process.on('worker', onWorker)
  try {
    return [await action(), threads]
  } finally {
    process.off('worker', onWorker)
  }
}

const values = (records: Buffer | null): string[] => valuesOf(records!).map(([, value]) => value)

/** Shards on this thread, by which the test speaks to the supervisor, and of which it sees what they are told. */
class ListeningLauncher extends InlineLauncher {
  readonly supervisors: SupervisorCalls[] = []
  readonly told: (readonly [shard: number, loss: LeaderLoss])[] = []

  override launch(...[start, supervisor]: Parameters<InlineLauncher['launch']>) {
    this.supervisors.push(supervisor)
    const shard = super.launch(start, supervisor)
    shard.leaderLost = async (loss) => void this.told.push([start.shard, loss])
    return shard
  }
}

it('a leader that one shard has lost is lost for all others', async () => {
  const launcher = new ListeningLauncher(nodeEnv({ log: silentLog }))
  const { broker, quorum, path } = await brokerParts({ shards: 3 }, { launcher })
  quorum.elect(NODE)
  await broker.start()
  const loss = { shard: 1, leaderId: nodeId(2), isLost: true }
  await launcher.supervisors[1]!.leaderLost(loss)
  expect(launcher.told).toEqual([
    [0, loss],
    [2, loss],
  ])
  await broker.stop()
  rmSync(path, { recursive: true })
})

describe('a clean stop', () => {
  it.each([0, 2])('leaves everything for the next start, with %i worker shards', async (shards) => {
    const first = await RunningBroker.start({ shards })
    first.metadata.createTopic('flights', 2)
    const client = await first.connect()
    await produceTo(client, 'flights', 0, batchOf(['a', 'b']))
    await produceTo(client, 'flights', 1, batchOf(['c']))
    await first.stop()

    const second = await start({ shards }, first)
    expect(second.cleanShutdown).toBe(true)
    const fetched = await fetchFrom(await second.connect(), 'flights', [0, 0])
    expect(fetched.map(({ records }) => values(records))).toEqual([['a', 'b'], ['c']])
  })

  it('still answers the requests under way, those to the controller included', async () => {
    const broker = await start({ drainTimeoutMs: 60_000, shards: 1 })
    const client = await broker.connect()
    const decided = Promise.withResolvers<void>()
    broker.metadata.gate = decided.promise
    const created = client.request(
      'CreateTopics',
      {
        topics: [{ name: 'late', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 1,
      },
      { timeoutMs: 10_000 },
    )
    while (broker.metadata.requests.length === 0) await new Promise(setImmediate)
    const stopped = running.pop()!.discard()
    decided.resolve()
    expect((await created).topics[0]).toMatchObject({ name: 'late', errorCode: 0 })
    await stopped
  })
})

describe('a start', () => {
  it('is done when the metadata says that the broker may lead, at the address that it registered', async () => {
    const broker = await start()
    const registered = broker.metadata.image.brokers.get(NODE)!
    expect(registered).toMatchObject({ fenced: false, endpoints: [broker.endpoint] })
  })

  it('waits for a controller, and ends when the broker is stopped', async () => {
    const { broker, quorum, path } = await brokerParts()
    const starting = broker.start()
    const outcome = starting.catch((error: unknown) => error)
    while (quorum.listeners === 0) await new Promise(setImmediate)
    await broker.stop()
    expect(await outcome).toBeInstanceOf(BrokerStoppedError)
    expect(quorum.listeners).toBe(0)
    rmSync(path, { recursive: true })
  })

  it('that is given up leaves a clean folder clean', async () => {
    const first = await RunningBroker.start()
    await first.stop()
    const { broker, quorum } = await brokerParts({}, first)
    const outcome = broker.start().catch((error: unknown) => error)
    while (quorum.listeners === 0) await new Promise(setImmediate)
    await broker.stop()
    expect(await outcome).toBeInstanceOf(BrokerStoppedError)
    const third = await start({}, first)
    expect(third.cleanShutdown).toBe(true)
  })

  it('that is given up when only the unfencing is missing drains and closes everything', async () => {
    const first = await RunningBroker.start()
    const { metadata, path } = first
    metadata.createTopic('flights')
    await produceTo(await first.connect(), 'flights', 0, batchOf(['a']))
    await first.stop()
    metadata.neverUnfences = true
    const { broker, quorum } = await brokerParts({}, { metadata, path })
    const outcome = broker.start().catch((error: unknown) => error)
    quorum.elect(NODE)
    while (!metadata.wasAskedToUnfence) await new Promise(setImmediate)
    await broker.stop()
    expect(await outcome).toBeInstanceOf(BrokerStoppedError)
    metadata.neverUnfences = false
    const third = await start({}, first)
    expect(third.cleanShutdown).toBe(true)
    expect(values((await fetchFrom(await third.connect(), 'flights', [0]))[0]!.records)).toEqual(['a'])
  })

  it('says at once that the port is taken, and registers nothing', async () => {
    const other = await start()
    const { broker, metadata, path } = await brokerParts({
      listener: {
        name: 'PLAINTEXT',
        ...other.endpoint,
        advertisedHost: null,
        advertisedPort: null,
        reachableHost: other.endpoint.host,
      },
    })
    await expect(broker.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(metadata.image.brokers.size).toBe(0)
    rmSync(path, { recursive: true })
  })

  it('says which listener it is whose port is taken', async () => {
    const other = await start()
    const { broker, path } = await brokerParts({
      clientListeners: [
        {
          name: 'OUTSIDE',
          ...other.endpoint,
          advertisedHost: null,
          advertisedPort: null,
          reachableHost: other.endpoint.host,
        },
      ],
    })
    await expect(broker.start()).rejects.toMatchObject({ code: 'EADDRINUSE', endpoint: other.endpoint })
    rmSync(path, { recursive: true })
  })

  it('listens for clients at further addresses, and registers all of them', async () => {
    const outside = {
      name: 'OUTSIDE',
      host: '127.0.0.1',
      port: 0,
      advertisedHost: 'outside.example',
      advertisedPort: 19_091,
      reachableHost: '127.0.0.1',
    }
    const broker = await start({ clientListeners: [outside] })
    const { endpoints } = broker.metadata.image.brokers.get(NODE)!
    expect(endpoints.map(({ name, host }) => `${name} ${host}`)).toEqual([
      'PLAINTEXT 127.0.0.1',
      'OUTSIDE outside.example',
    ])
  })

  it('sets nothing aside before the metadata is as new as its registration', async () => {
    const first = await RunningBroker.start()
    const { metadata, path } = first
    metadata.createTopic('kept')
    metadata.createTopic('deleted')
    await produceTo(await first.connect(), 'kept', 0, batchOf(['a']))
    await first.stop()
    metadata.deleteTopic('deleted')

    const replica = new LateReplica(metadata)
    const { broker, quorum } = await brokerParts({}, { metadata, path, publisher: replica })
    const starting = broker.start()
    while (quorum.listeners === 0) await new Promise(setImmediate)
    const registrations = metadata.image.position.lastOffset
    quorum.elect(NODE)
    while (metadata.image.position.lastOffset === registrations) await new Promise(setImmediate)
    expect(readdirSync(path)).toEqual(expect.arrayContaining(['kept-0', 'deleted-0']))

    replica.catchUp()
    await starting
    const names = readdirSync(path)
    expect(names).toContain('kept-0')
    expect(names).not.toContain('deleted-0')
    expect(names.filter((name) => name.startsWith('deleted-0.') && name.endsWith('-stray'))).toHaveLength(1)
    await broker.stop()
    rmSync(path, { recursive: true })
  })
})

describe('a broker that is fenced for a while', () => {
  it.each([0, 2])('leads again, with everything, and new epochs: %i worker shards', async (shards) => {
    const broker = await start({ shards })
    const { metadata } = broker
    metadata.createTopic('flights', 2)
    const client = await broker.connect()
    for (const index of [0, 1]) await produceTo(client, 'flights', index, batchOf([`kept ${index}`]))
    metadata.fence(NODE)
    while (metadata.image.brokers.get(NODE)!.fenced) await new Promise(setImmediate)
    let produced = await produceTo(client, 'flights', 1, batchOf(['after']))
    while (produced.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) {
      produced = await produceTo(client, 'flights', 1, batchOf(['after']))
    }
    expect(produced.errorCode).toBe(0)
    let [zero, one] = await fetchFrom(client, 'flights', [0, 0])
    // Another shard's partition may be led again a little later.
    while (zero!.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) {
      ;[zero, one] = await fetchFrom(client, 'flights', [0, 0])
    }
    expect(values(zero!.records)).toEqual(['kept 0'])
    // What the leadership before had taken, and could not acknowledge any more, may be there, too.
    expect(values(one!.records).slice(0, 1)).toEqual(['kept 1'])
    expect(values(one!.records)[produced.baseOffset]).toBe('after')
    expect(metadata.image.partition('flights', 1)!.leaderEpoch).toBe(2)
  })
})

describe('a topic request', () => {
  it('is answered when every shard has applied the change', async () => {
    const broker = await start({ shards: 2 })
    const client = await broker.connect('kafka')
    for (let round = 0; round < 20; round++) {
      const name = `flights-${round}`
      const { topics } = await client.request(
        'CreateTopics',
        {
          topics: [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
          timeoutMs: 1,
        },
        { timeoutMs: 10_000 },
      )
      expect(topics[0]!.errorCode).toBe(0)
      const produced = await Promise.all(
        [0, 1].map((index) => produceTo(client, name, index, batchOf(['a']))),
      )
      expect(produced.map(({ errorCode }) => errorCode)).toEqual([0, 0])
    }
  })
})

describe('two shards', () => {
  it('serve every partition on either connection, whichever shard has it', async () => {
    const broker = await start({ shards: 2 })
    broker.metadata.createTopic('flights', 2)
    const { topics } = await (
      await broker.connect()
    ).request('Metadata', { topics: [{ name: 'flights' }] }, { timeoutMs: 10_000 })
    const ports = topics[0]!.partitions.map(({ shardPort }) => shardPort)
    expect(new Set(ports).size).toBe(2)
    expect(ports).not.toContain(0)

    for (const port of ports) {
      const client = await broker.connect('native', { host: '127.0.0.1', port })
      await produceTo(client, 'flights', 0, batchOf([`zero by ${port}`]))
      await produceTo(client, 'flights', 1, batchOf([`one by ${port}`]))
      const fetched = await fetchFrom(client, 'flights', [0, 0])
      expect(fetched.map(({ records }) => values(records).at(-1))).toEqual([
        `zero by ${port}`,
        `one by ${port}`,
      ])
    }
  })

  it('wake a fetch that waits on both for what arrives at one of them', async () => {
    const broker = await start({ shards: 2 })
    broker.metadata.createTopic('flights', 2)
    const [consumer, producer] = [await broker.connect(), await broker.connect('kafka')]
    for (const index of [0, 1]) {
      const waiting = fetchFrom(consumer, 'flights', [index, 0], { maxWaitMs: 10_000 })
      await produceTo(producer, 'flights', index, batchOf([`to ${index}`]))
      const fetched = await waiting
      expect(values(fetched[index]!.records)).toEqual([`to ${index}`])
    }
  })
})

describe('a shard that dies', () => {
  it('is started again with its partitions recovered, and nothing that was acknowledged is missing', async () => {
    const [broker, threads] = await threadsOf(() => start({ shards: 1 }))
    broker.metadata.createTopic('flights')
    const client = await broker.connect()
    for (const value of ['a', 'b', 'c']) await produceTo(client, 'flights', 0, batchOf([value]))

    const [, successors] = await threadsOf(async () => {
      const { port } = broker.endpoint
      await threads[0]!.terminate()
      await client.request('Metadata', { topics: [] }, { timeoutMs: 1000 }).catch(() => {})
      expect(client.failure).not.toBeNull()
      await reachable(broker, port)
    })
    expect(successors).toHaveLength(1)
    const again = await broker.connect()
    expect(values((await fetchFrom(again, 'flights', [0]))[0]!.records)).toEqual(['a', 'b', 'c'])
    expect(await produceTo(again, 'flights', 0, batchOf(['d']))).toMatchObject({
      errorCode: 0,
      baseOffset: 3,
    })
  })

  it('leaves requests that wait for it at other shards with a retriable error, and finds its peers again', async () => {
    const [broker, threads] = await threadsOf(() => start({ shards: 2 }))
    broker.metadata.createTopic('flights', 2)
    const client = await onShard(broker, 0)
    await produceTo(client, 'flights', 1, batchOf(['kept']))
    const waiting = fetchFrom(client, 'flights', [0, 1], { maxWaitMs: 30_000 })
    // Once this is answered, the share of the fetch waits on the other shard.
    await client.request('Metadata', { topics: [] }, { timeoutMs: 10_000 })
    await threads[1]!.terminate()
    const [own, other] = await waiting
    expect(own!.errorCode).toBe(0)
    expect(other!.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(errorInfo(other!.errorCode).retriable).toBe(true)

    let produced = await produceTo(client, 'flights', 1, batchOf(['after']))
    while (produced.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) {
      produced = await produceTo(client, 'flights', 1, batchOf(['after']))
    }
    expect(produced).toMatchObject({ errorCode: 0, baseOffset: 1 })
    const fetched = await fetchFrom(client, 'flights', [0, 0])
    expect(values(fetched[1]!.records)).toEqual(['kept', 'after'])
  })
})

describe('large compressed batches', () => {
  it('are validated in the codec pool, in the order of their arrival, also behind a shard thread', async () => {
    const broker = await start({
      shards: 1,
      jobThreads: { codec: 2, maintenance: 1 },
      inlineValidationBytesMax: 100,
    })
    broker.metadata.createTopic('flights')
    const client = await broker.connect()
    const names = Array.from({ length: 20 }, (_, index) => `batch ${index}`)
    const batches = names.map((name, index) => {
      const noise = Array.from({ length: index % 2 === 0 ? 5000 : 10 }, (_, i) => Math.sin(i)).join(' ')
      return batchOf([name, noise], { compression: CompressionType.gzip })
    })
    const produced = await Promise.all(batches.map((batch) => produceTo(client, 'flights', 0, batch)))
    expect(produced.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual(
      names.map((_, index) => [0, 2 * index]),
    )
    const [fetched] = await fetchFrom(client, 'flights', [0])
    expect(values(fetched!.records).filter((_, index) => index % 2 === 0)).toEqual(names)
  })
})

describe('an unclean start', () => {
  it('recovers in the maintenance pool what a killed shard had acknowledged', async () => {
    const changes = { shards: 1, jobThreads: { codec: 0, maintenance: 1 } }
    const [broker, threads] = await threadsOf(() => start(changes))
    broker.metadata.createTopic('flights', 3)
    const client = await broker.connect()
    for (const index of [0, 1, 2]) await produceTo(client, 'flights', index, batchOf([`kept ${index}`]))
    const [, started] = await threadsOf(async () => {
      await threads[0]!.terminate()
      await reachable(broker, broker.endpoint.port)
    })
    expect(started.length).toBe(2)
    const fetched = await fetchFrom(await broker.connect(), 'flights', [0, 0, 0])
    expect(fetched.map(({ records }) => values(records))).toEqual([['kept 0'], ['kept 1'], ['kept 2']])
  })
})

/** A connection to the shard that leads the given partition of `flights`. */
async function onShard(broker: RunningBroker, partition: number) {
  const finder = await broker.connect()
  const { topics } = await finder.request(
    'Metadata',
    { topics: [{ name: 'flights' }] },
    { timeoutMs: 10_000 },
  )
  const port = topics[0]!.partitions.find(({ partitionIndex }) => partitionIndex === partition)!.shardPort
  return broker.connect('native', { host: '127.0.0.1', port })
}

async function reachable(broker: RunningBroker, port: number): Promise<void> {
  const endpoint = { host: '127.0.0.1', port }
  const attempt = await broker.connect('native', endpoint).catch(() => null)
  if (attempt === null) {
    await new Promise(setImmediate)
    await reachable(broker, port)
  }
}
