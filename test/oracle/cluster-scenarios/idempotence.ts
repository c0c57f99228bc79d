import { ErrorCode } from '@millrace/protocol'
import {
  clusterScenario,
  type ClusterScenarios,
  type ClusterWorld,
  createAssigned,
  each,
  knownEverywhere,
  prepared,
  served,
} from '../cluster-scenario.ts'
import { batchOf, errorName, produce, type World } from '../scenario.ts'

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

async function newProducer(at: World): Promise<Producer> {
  const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
  for (;;) {
    const response = await at.connection.request('InitProducerId', 4, body as never)
    if (response.errorCode === ErrorCode.NONE) return response
    // Kafka says so until it has got a block of ids from the controller.
    if (response.errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) {
      throw new Error(`no producer id: ${errorName(response.errorCode)}`)
    }
  }
}

/** Batches of two records. @param sequence of the first one */
async function send(
  at: World,
  topic: string,
  producer: Producer,
  sequence: number,
  epochs = 0,
): Promise<unknown> {
  const records = batchOf([{ value: 'a' }, { value: 'b' }], {
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch + epochs,
    baseSequence: sequence,
  })
  const { error, baseOffset } = (await produce(at, topic, records)) as { error: string; baseOffset: number }
  return { error, baseOffset }
}

/** Batches 0 to 5 have been sent, at sequences 0, 2, … 10. */
async function sixBatches(at: World, topic: string): Promise<Producer> {
  const producer = await newProducer(at)
  for (let sequence = 0; sequence <= 10; sequence += 2) await send(at, topic, producer, sequence)
  return producer
}

/** What a broker must tell apart. The order matters: the last one begins an epoch. */
async function everyMistake(at: World, topic: string, producer: Producer): Promise<unknown> {
  return {
    lastAgain: await send(at, topic, producer, 10),
    fifthLastAgain: await send(at, topic, producer, 2),
    sixthLastAgain: await send(at, topic, producer, 0),
    overlapping: await send(at, topic, producer, 11),
    gap: await send(at, topic, producer, 14),
    next: await send(at, topic, producer, 12),
    newEpochInTheMiddle: await send(at, topic, producer, 14, 1),
    newEpoch: await send(at, topic, producer, 0, 1),
    formerEpoch: await send(at, topic, producer, 14, 0),
  }
}

async function ledByTheKilled(world: ClusterWorld): Promise<{ topic: string; producer: Producer }> {
  const topic = await createAssigned(world, 'led', [[3, 1, 2]])
  return { topic, producer: await sixBatches(await world.at(3), topic) }
}

export const idempotence: ClusterScenarios = {
  'all live': [
    clusterScenario('every broker gives out ids that no other does', async (world) => {
      const ids = new Set<number>()
      const epochs = await each(world, [1, 2, 3], async (at) => {
        const { producerId, producerEpoch } = await newProducer(at)
        ids.add(producerId)
        ids.add((await newProducer(at)).producerId)
        return producerEpoch
      })
      return { epochs, different: ids.size }
    }),
    clusterScenario('duplicates, gaps and epochs at a leader', async (world) => {
      const topic = await createAssigned(world, 'once', [[1, 2, 3]])
      const leader = await world.at(1)
      return everyMistake(leader, topic, await sixBatches(leader, topic))
    }),
    clusterScenario('a producer that nothing is known of', async (world) => {
      const topic = await createAssigned(world, 'unknown', [[1, 2, 3]])
      const leader = await world.at(1)
      return {
        fromTheStart: await send(leader, topic, await newProducer(leader), 0),
        inTheMiddle: await send(leader, topic, await newProducer(leader), 7),
      }
    }),
  ],
  'one dead': [
    prepared(
      'the new leader knows what the old one knew',
      ledByTheKilled,
      async (world, { topic, producer }) => {
        await knownEverywhere(world, topic, ([partition]) => partition!.leaderId === 1)
        const leader = await world.at(1)
        await served(leader, topic, [0])
        return everyMistake(leader, topic, producer)
      },
    ),
  ],
}
