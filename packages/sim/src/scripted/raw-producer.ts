/** A producer that numbers its batches as the scenario says: what no well-behaved client would come to within a run. */
import { assert } from '@millrace/base'
import { Cluster } from '@millrace/client'
import { RecordBatchBuilder } from '@millrace/record'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNode } from '../world/sim-node.ts'

export interface SequencedBatch {
  readonly values: readonly string[]
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the first value. */
  readonly baseSequence: number
}

const CALL_MS = 60_000
const PRODUCE_TIMEOUT_MS = 10_000
const BATCH_BYTES_MAX = 2 ** 20

export class RawProducer {
  readonly #world: SimCluster['world']
  readonly #machine: SimNode
  #client: Cluster | null = null

  /** @param name of its machine */
  constructor({ world, bootstrap }: SimCluster, name: string) {
    this.#world = world
    this.#machine = world.addNode(name)
    this.#machine.start((env) => {
      this.#client = new Cluster({ bootstrap, clientId: name, env, allowAutoTopicCreation: false })
    })
    world.runFor(1)
  }

  /** Asks the leader of the topic's first partition once. @returns the offset of the first value. @throws Error when refused */
  append(topic: string, { values, ...sequence }: SequencedBatch): number {
    const client = this.#client!
    const answer = this.#world.begin(this.#machine, async ({ clock }) => {
      await client.refresh([topic])
      const { topicId } = client.metadata.topic(topic)!
      const builder = new RecordBatchBuilder({ maxBytes: BATCH_BYTES_MAX })
      for (const value of values) assert(builder.tryAppend(clock.wallMs(), null, value), 'the batch is full')
      const partitionData = [{ index: 0, records: builder.build(sequence) }]
      const request = {
        acks: -1,
        timeoutMs: PRODUCE_TIMEOUT_MS,
        topicData: [{ name: topic, topicId, partitionData }],
      }
      return await client.request(client.route(topic, 0)!, 'Produce', request)
    })
    const { errorCode, errorMessage, baseOffset } = answer(CALL_MS).responses[0]!.partitionResponses[0]!
    if (errorCode !== 0)
      throw new Error(`sequence ${sequence.baseSequence}: error ${errorCode}: ${errorMessage}`)
    return baseOffset
  }
}
