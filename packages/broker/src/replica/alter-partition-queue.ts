/**
 * What the leaders of this shard ask of the controller: changes of their ISR, and not to lead. One request at a time takes
 * everything that has come together meanwhile (KIP-497, KIP-704).
 *
 * Owns: the request under way. Must not know: why anything is proposed, and when it is tried again: that is the core's.
 * Invariant: each proposal is answered at most once; one whose fate is unknown is answered null.
 */
import type { LeaderEpoch, Log, NodeId, Timers, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import type {
  AlterPartitionAnswer,
  AlterPartitionError,
  LeadershipRefusal,
  ReplicationEffect,
} from '@millrace/replication'
import type { PartitionProposals, ProposingReplica } from './replica-surroundings.ts'

export interface AlterPartitionQueueOptions {
  readonly nodeId: NodeId
  brokerEpoch(): number
  readonly timers: Timers
  readonly log: Log
  /** To the active controller; rejects, or answers with an error code, when there is none. */
  ask(request: RequestOf<'AlterPartition'>): Promise<ResponseInputOf<'AlterPartition'>>
}

type Proposal = ReplicationEffect & { readonly kind: 'alter-partition' }
type PartitionRequest = RequestOf<'AlterPartition'>['topics'][number]['partitions'][number]
type PartitionResponse = NonNullable<
  ResponseInputOf<'AlterPartition'>['topics']
>[number]['partitions'][number]

interface Asked {
  readonly replica: ProposingReplica
  /** Null: a refusal, which nobody waits for. */
  readonly requestId: number | null
  readonly request: PartitionRequest
}

/** As `leadershipRefusal` of the request says it; 0: none. */
const REFUSAL = { damaged: 1, incomplete: 2, 'epoch-of-another-process': 3, 'log-failed': 4 } as const
/** A refusal that could not be told is told again, or the partition would stay without a leader. */
const REFUSAL_RETRY_MS = 100

export class AlterPartitionQueue implements PartitionProposals {
  readonly #options: AlterPartitionQueueOptions
  #waiting: Asked[] = []
  #isAsking = false
  #isScheduled = false
  #isClosed = false

  constructor(options: AlterPartitionQueueOptions) {
    this.#options = options
  }

  alterPartition(replica: ProposingReplica, proposal: Proposal): void {
    const { requestId, leaderEpoch, partitionEpoch, newIsr, leaderRecoveryState } = proposal
    const newIsrWithEpochs = newIsr.map(({ id, brokerEpoch }) => ({ brokerId: id, brokerEpoch }))
    this.#add(replica, requestId, {
      partitionIndex: replica.index,
      leaderEpoch,
      newIsr: newIsr.map(({ id }) => id),
      newIsrWithEpochs,
      leaderRecoveryState,
      partitionEpoch,
      leadershipRefusal: 0,
    })
  }

  refuseLeadership(replica: ProposingReplica, leaderEpoch: LeaderEpoch, reason: LeadershipRefusal): void {
    this.#add(replica, null, {
      partitionIndex: replica.index,
      leaderEpoch,
      newIsr: [],
      newIsrWithEpochs: [],
      leaderRecoveryState: 0,
      partitionEpoch: -1,
      leadershipRefusal: REFUSAL[reason],
    })
  }

  /** Nothing is asked any more. */
  close(): void {
    this.#isClosed = true
    this.#waiting = []
  }

  #add(replica: ProposingReplica, requestId: number | null, request: PartitionRequest): void {
    this.#waiting.push({ replica, requestId, request })
    this.#schedule()
  }

  /** What the other partitions of this turn ask goes along. */
  #schedule(): void {
    if (this.#isScheduled || this.#isAsking) return
    this.#isScheduled = true
    this.#options.timers.endOfTurn(() => {
      this.#isScheduled = false
      this.#askNext()
    })
  }

  #askNext(): void {
    if (this.#isClosed || this.#isAsking || this.#waiting.length === 0) return
    const asked = this.#waiting
    this.#waiting = []
    this.#isAsking = true
    const { nodeId, brokerEpoch, ask } = this.#options
    ask({ brokerId: nodeId, brokerEpoch: brokerEpoch(), topics: byTopic(asked) }).then(
      (response) => this.#answered(asked, response),
      (error: unknown) => {
        this.#options.log.warn({ error, partitions: asked.length }, 'AlterPartition got no answer')
        this.#answered(asked, null)
      },
    )
  }

  #answered(asked: readonly Asked[], response: ResponseInputOf<'AlterPartition'> | null): void {
    this.#isAsking = false
    if (this.#isClosed) return
    const answers = answersOf(response)
    const isRefused = (response?.errorCode ?? ErrorCode.NONE) !== ErrorCode.NONE
    for (const item of asked) {
      const answer = isRefused
        ? RETRIABLE
        : (answers.get(keyOf(item.replica.topicId, item.replica.index)) ?? null)
      if (item.requestId !== null) item.replica.onAlterPartitionAnswer(item.requestId, answer)
      else if (answer === null || answer.error === 'RETRIABLE') this.#refuseAgain(item)
    }
    this.#schedule()
  }

  #refuseAgain(item: Asked): void {
    this.#options.timers.after(REFUSAL_RETRY_MS, () => {
      // Once another leader epoch has come it is no news any more.
      if (this.#isClosed || item.replica.leaderEpoch !== item.request.leaderEpoch) return
      this.#add(item.replica, null, item.request)
    })
  }
}

const RETRIABLE: AlterPartitionAnswer = { error: 'RETRIABLE' }

function byTopic(asked: readonly Asked[]): RequestOf<'AlterPartition'>['topics'] {
  const topics = new Map<Uuid, { topicName: string; topicId: Uuid; partitions: PartitionRequest[] }>()
  for (const { replica, request } of asked) {
    const { topic: topicName, topicId } = replica
    const topic = topics.get(topicId) ?? { topicName, topicId, partitions: [] }
    topics.set(topicId, topic)
    topic.partitions.push(request)
  }
  return [...topics.values()]
}

function answersOf(response: ResponseInputOf<'AlterPartition'> | null): Map<string, AlterPartitionAnswer> {
  const answers = new Map<string, AlterPartitionAnswer>()
  for (const { topicId, partitions } of response?.topics ?? []) {
    for (const partition of partitions) {
      answers.set(keyOf(topicId!, partition.partitionIndex!), answerOf(partition))
    }
  }
  return answers
}

function answerOf(partition: PartitionResponse): AlterPartitionAnswer {
  const { errorCode = ErrorCode.NONE } = partition
  if (errorCode !== ErrorCode.NONE) return { error: errorOf(errorCode) }
  return {
    error: 'NONE',
    leaderEpoch: partition.leaderEpoch!,
    partitionEpoch: partition.partitionEpoch!,
    isr: partition.isr ?? [],
    leaderRecoveryState: partition.leaderRecoveryState ?? 0,
  }
}

function errorOf(code: number): AlterPartitionError {
  switch (code) {
    case ErrorCode.INELIGIBLE_REPLICA:
      return 'INELIGIBLE_REPLICA'
    case ErrorCode.INVALID_UPDATE_VERSION:
      return 'INVALID_UPDATE_VERSION'
    case ErrorCode.FENCED_LEADER_EPOCH:
      return 'FENCED_LEADER_EPOCH'
    case ErrorCode.NEW_LEADER_ELECTED:
      return 'NEW_LEADER_ELECTED'
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return 'UNKNOWN_TOPIC_OR_PARTITION'
    default:
      return 'RETRIABLE'
  }
}

function keyOf(topicId: Uuid, partition: number): string {
  return `${topicId}-${partition}`
}
