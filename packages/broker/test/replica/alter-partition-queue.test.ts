import { nodeId, type NodeId, type Uuid } from '@millrace/base'
import type { LeaderEpoch } from '@millrace/base'
import { silentLog } from '@millrace/base/node'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type { AlterPartitionAnswer, ReplicationEffect } from '@millrace/replication'
import { describe, expect, it } from 'vitest'
import { AlterPartitionQueue } from '../../src/replica/alter-partition-queue.ts'
import type { ProposingReplica } from '../../src/replica/replica-surroundings.ts'
import { microtasks, VirtualTime } from '../support/virtual-time.ts'

type Request = RequestOf<'AlterPartition'>
type Response = ResponseInputOf<'AlterPartition'>
type Proposal = ReplicationEffect & { readonly kind: 'alter-partition' }

const FLIGHTS = 'bWlsbHJhY2UtYnJva2VyMQ' as Uuid
const GATES = 'bWlsbHJhY2UtYnJva2VyMg' as Uuid

class Leader implements ProposingReplica {
  readonly topic: string
  readonly topicId: Uuid
  readonly index: number
  leaderEpoch = 3 as LeaderEpoch
  readonly answers: [requestId: number, answer: AlterPartitionAnswer | null][] = []

  constructor(index: number, topicId = FLIGHTS) {
    this.topic = topicId === FLIGHTS ? 'flights' : 'gates'
    this.topicId = topicId
    this.index = index
  }

  onAlterPartitionAnswer(requestId: number, answer: AlterPartitionAnswer | null): void {
    this.answers.push([requestId, answer])
  }
}

class Rig {
  readonly time = new VirtualTime()
  readonly asked: (PromiseWithResolvers<Response> & { readonly request: Request })[] = []
  readonly queue = new AlterPartitionQueue({
    nodeId: nodeId(1),
    brokerEpoch: () => 17,
    timers: this.time,
    log: silentLog,
    ask: (request) => {
      const asked = { ...Promise.withResolvers<Response>(), request }
      this.asked.push(asked)
      return asked.promise
    },
  })

  propose(leader: Leader, requestId: number, isr: readonly number[] = [1, 2]): void {
    this.queue.alterPartition(leader, proposal(requestId, isr))
  }

  /** Ends the turn, with what follows from answers that have come. */
  async turn(): Promise<void> {
    await microtasks()
    this.time.endTurn()
    await microtasks()
  }

  /** @param answers of flights, by partition */
  async answer(answers: Readonly<Record<number, object>>): Promise<void> {
    const partitions = Object.entries(answers).map(([index, answer]) => ({
      partitionIndex: Number(index),
      ...answer,
    }))
    this.asked.at(-1)!.resolve({ topics: [{ topicId: FLIGHTS, partitions }] } as Response)
    await this.turn()
  }

  /** Indexes of partitions in each request. */
  get partitions(): number[][] {
    return this.asked.map(({ request }) =>
      request.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex)),
    )
  }
}

function proposal(requestId: number, isr: readonly number[]): Proposal {
  return {
    kind: 'alter-partition',
    requestId,
    leaderEpoch: 3 as LeaderEpoch,
    partitionEpoch: 8,
    newIsr: isr.map((id) => ({ id: nodeId(id), brokerEpoch: 10 + id })),
    leaderRecoveryState: 0,
  }
}

const DONE = { leaderEpoch: 3, partitionEpoch: 9, isr: [1, 2] as NodeId[], leaderRecoveryState: 0 }

describe('proposals of leaders', () => {
  it('of one turn go together, as the protocol has them', async () => {
    const rig = new Rig()
    rig.propose(new Leader(0), 1)
    rig.propose(new Leader(4, GATES), 1, [1])
    rig.propose(new Leader(1), 1)
    expect(rig.asked).toEqual([])
    await rig.turn()
    expect(rig.asked).toHaveLength(1)
    const { brokerId, brokerEpoch, topics } = rig.asked[0]!.request
    expect([brokerId, brokerEpoch]).toEqual([1, 17])
    expect(topics.map(({ topicId, partitions }) => [topicId, partitions.length])).toEqual([
      [FLIGHTS, 2],
      [GATES, 1],
    ])
    expect(topics[0]!.partitions[0]).toEqual({
      partitionIndex: 0,
      leaderEpoch: 3,
      newIsr: [1, 2],
      newIsrWithEpochs: [
        { brokerId: 1, brokerEpoch: 11 },
        { brokerId: 2, brokerEpoch: 12 },
      ],
      leaderRecoveryState: 0,
      partitionEpoch: 8,
      leadershipRefusal: 0,
    })
  })

  it('wait while a request is under way, and then go together', async () => {
    const rig = new Rig()
    const [first, second, third] = [new Leader(0), new Leader(1), new Leader(2)]
    rig.propose(first, 1)
    await rig.turn()
    rig.propose(second, 1)
    await rig.turn()
    rig.propose(third, 1)
    await rig.turn()
    expect(rig.partitions).toEqual([[0]])
    await rig.answer({ 0: DONE })
    expect(rig.partitions).toEqual([[0], [1, 2]])
  })

  it('are each told what became of them', async () => {
    const rig = new Rig()
    const leaders = [0, 1, 2].map((index) => new Leader(index))
    for (const leader of leaders) rig.propose(leader, 5)
    await rig.turn()
    await rig.answer({ 0: DONE, 1: { errorCode: ErrorCode.INELIGIBLE_REPLICA } })
    expect(leaders.map(({ answers }) => answers)).toEqual([
      [[5, { error: 'NONE', ...DONE }]],
      [[5, { error: 'INELIGIBLE_REPLICA' }]],
      // Of this one the answer says nothing: nobody knows.
      [[5, null]],
    ])
  })

  it.each([
    ['INVALID_UPDATE_VERSION', 'INVALID_UPDATE_VERSION'],
    ['FENCED_LEADER_EPOCH', 'FENCED_LEADER_EPOCH'],
    ['NEW_LEADER_ELECTED', 'NEW_LEADER_ELECTED'],
    ['UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['REQUEST_TIMED_OUT', 'RETRIABLE'],
  ] as const)('that are refused with %s hear %s', async (code, error) => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.propose(leader, 1)
    await rig.turn()
    await rig.answer({ 0: { errorCode: ErrorCode[code] } })
    expect(leader.answers).toEqual([[1, { error }]])
  })

  it('are tried again by whoever made them when the whole request was refused', async () => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.propose(leader, 1)
    await rig.turn()
    rig.asked[0]!.resolve({ errorCode: ErrorCode.NOT_CONTROLLER, topics: [] })
    await rig.turn()
    expect(leader.answers).toEqual([[1, { error: 'RETRIABLE' }]])
  })

  it('may have been carried out when no answer came', async () => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.propose(leader, 1)
    await rig.turn()
    rig.propose(leader, 2)
    rig.asked[0]!.reject(new Error('the connection was reset'))
    await rig.turn()
    expect(leader.answers).toEqual([[1, null]])
    expect(rig.partitions).toEqual([[0], [0]])
  })

  it('are nobody’s concern after the end', async () => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.propose(leader, 1)
    await rig.turn()
    rig.propose(leader, 2)
    rig.queue.close()
    await rig.answer({ 0: DONE })
    expect(leader.answers).toEqual([])
    expect(rig.asked).toHaveLength(1)
  })
})

describe('a leadership that is refused', () => {
  it('is told with its reason, and again until the controller has heard', async () => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.queue.refuseLeadership(leader, leader.leaderEpoch, 'incomplete')
    await rig.turn()
    const [refusal] = rig.asked[0]!.request.topics[0]!.partitions
    expect(refusal).toMatchObject({ leaderEpoch: 3, newIsr: [], leadershipRefusal: 2 })
    rig.asked[0]!.reject(new Error('no controller'))
    await rig.turn()
    rig.time.advance(99)
    await rig.turn()
    expect(rig.asked).toHaveLength(1)
    rig.time.advance(1)
    await rig.turn()
    expect(rig.asked[1]!.request).toEqual(rig.asked[0]!.request)
    await rig.answer({ 0: { errorCode: ErrorCode.NONE, ...DONE } })
    rig.time.advance(1000)
    await rig.turn()
    expect(rig.asked).toHaveLength(2)
    expect(leader.answers).toEqual([])
  })

  it('is no news any more in a later epoch', async () => {
    const rig = new Rig()
    const leader = new Leader(0)
    rig.queue.refuseLeadership(leader, leader.leaderEpoch, 'damaged')
    await rig.turn()
    rig.asked[0]!.resolve({ errorCode: ErrorCode.NOT_CONTROLLER, topics: [] })
    await rig.turn()
    leader.leaderEpoch = 4 as LeaderEpoch
    rig.time.advance(100)
    await rig.turn()
    expect(rig.asked).toHaveLength(1)
  })
})
