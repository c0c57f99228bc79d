/**
 * AlterPartition: a leader says who is in sync (KIP-497, KIP-704), or that it must not lead. Only the leader of the current
 * leader epoch may, of the partition as it stands now, and nobody joins an ISR who is fenced, stopping (KIP-841) or a
 * newer process than the one that the leader saw (KIP-903).
 *
 * A proposal that leaves the ISR as it is raises the partition epoch all the same: it is how a leader makes sure that an
 * expansion whose answer was lost can't be carried out any more.
 *
 * A reassignment is completed here, by the change that brings the last of its new replicas into sync (KIP-455).
 */
import type { NodeId } from '@millrace/base'
import {
  isAvailable,
  type LocatedPartition,
  type MetadataImage,
  type PartitionImage,
  type TopicImage,
} from '@millrace/metadata'
import { ErrorCode, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'
import { isrWithout } from './partition-change.ts'
import { PartitionChanges } from './partition-changes.ts'

type Request = RequestOf<'AlterPartition'>
type PartitionRequest = Request['topics'][number]['partitions'][number]
type Response = ResponseInputOf<'AlterPartition'>
type PartitionResponse = NonNullable<Response['topics']>[number]['partitions'][number]

/** Of `leadershipRefusal`: the replica is well, but the leader epoch was given to an earlier process of the broker. */
const EPOCH_OF_ANOTHER_PROCESS = 3

/**
 * Errors: STALE_BROKER_EPOCH; by partition UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, FENCED_LEADER_EPOCH (another
 * leads by now), NOT_CONTROLLER (the leader knows more than this controller), INVALID_UPDATE_VERSION, INVALID_REQUEST,
 * INELIGIBLE_REPLICA, NEW_LEADER_ELECTED (the change was made, and ended the leader epoch that it was asked for in).
 */
export function handleAlterPartition(request: Request, context: DecisionContext): Decision<Response> {
  const { image } = context
  if (image.brokers.get(request.brokerId)?.epoch !== request.brokerEpoch) {
    return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH } }
  }
  const changes = new PartitionChanges(context)
  const topics = request.topics.map(({ topicId, partitions }) => {
    const topic = image.topics.byId(topicId)
    return {
      topicId,
      partitions: partitions.map((asked) => alterOne(request.brokerId, topic, asked, image, changes)),
    }
  })
  const { records, uncleanElections } = changes
  return { records, response: { topics }, uncleanElections }
}

function alterOne(
  brokerId: NodeId,
  topic: TopicImage | undefined,
  asked: PartitionRequest,
  image: MetadataImage,
  changes: PartitionChanges,
): PartitionResponse {
  if (topic === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_ID)
  const located = changes.find(topic, asked.partitionIndex)
  if (located === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const { partition } = located
  if (asked.leaderEpoch > partition.leaderEpoch) return failed(asked, ErrorCode.NOT_CONTROLLER)
  if (asked.leaderEpoch < partition.leaderEpoch || partition.leader !== brokerId) {
    return failed(asked, ErrorCode.FENCED_LEADER_EPOCH)
  }
  if (asked.leadershipRefusal !== 0) return refused(brokerId, located, asked, changes)
  if (asked.partitionEpoch > partition.partitionEpoch) return failed(asked, ErrorCode.NOT_CONTROLLER)
  if (asked.partitionEpoch < partition.partitionEpoch) return failed(asked, ErrorCode.INVALID_UPDATE_VERSION)
  const problem = isrProblem(brokerId, asked, partition, image)
  if (problem !== ErrorCode.NONE) return failed(asked, problem)
  return changed(located, asked, changes)
}

interface Member {
  readonly brokerId: NodeId
  /** Null: requests of this version do not say. −1: no process of it has fetched from the leader. */
  readonly brokerEpoch: number | null
}

function membersOf({ newIsr, newIsrWithEpochs }: PartitionRequest): readonly Member[] {
  return newIsrWithEpochs.length > 0
    ? newIsrWithEpochs
    : newIsr.map((brokerId) => ({ brokerId, brokerEpoch: null }))
}

function isrProblem(
  leader: NodeId,
  asked: PartitionRequest,
  { replicas, isr, leaderRecoveryState }: PartitionImage,
  image: MetadataImage,
): ErrorCode {
  const members = membersOf(asked)
  const ids = members.map(({ brokerId }) => brokerId)
  const isWellFormed =
    ids.includes(leader) &&
    new Set(ids).size === ids.length &&
    ids.every((id) => replicas.includes(id)) &&
    // Only a leader that has recovered, or never had to, has others beside it.
    (asked.leaderRecoveryState === 0 || (asked.leaderRecoveryState === 1 && leaderRecoveryState === 1))
  if (!isWellFormed) return ErrorCode.INVALID_REQUEST
  const joining = members.filter(({ brokerId }) => !isr.includes(brokerId))
  return joining.every((member) => isEligible(member, image)) ? ErrorCode.NONE : ErrorCode.INELIGIBLE_REPLICA
}

function isEligible({ brokerId, brokerEpoch }: Member, { brokers }: MetadataImage): boolean {
  const broker = brokers.get(brokerId)
  return broker !== undefined && isAvailable(broker) && (brokerEpoch ?? broker.epoch) === broker.epoch
}

function changed(
  located: LocatedPartition,
  asked: PartitionRequest,
  changes: PartitionChanges,
): PartitionResponse {
  const { partitionIndex, leaderRecoveryState } = asked
  const isr = membersOf(asked).map(({ brokerId }) => brokerId)
  const after = changes.change(located, { isr, leaderRecoveryState, isRecordedAnyway: true })
  // The reassignment that it completed took the leader away, or other replicas: who is asking learns of it as everybody.
  if (after.leaderEpoch !== asked.leaderEpoch) return failed(asked, ErrorCode.NEW_LEADER_ELECTED)
  const { leader: leaderId, leaderEpoch, partitionEpoch } = after
  return { partitionIndex, leaderId, leaderEpoch, isr: after.isr, leaderRecoveryState, partitionEpoch }
}

/**
 * Whoever must not lead is not in sync either, unless it is the last who may have everything. Only one that merely needs
 * another epoch is elected again, when nobody else can be.
 */
function refused(
  brokerId: NodeId,
  located: LocatedPartition,
  asked: PartitionRequest,
  changes: PartitionChanges,
): PartitionResponse {
  changes.change(located, {
    isr: isrWithout(located.partition.isr, brokerId),
    distrusted: brokerId,
    refuser: { id: brokerId, isLastResort: asked.leadershipRefusal === EPOCH_OF_ANOTHER_PROCESS },
  })
  return failed(asked, ErrorCode.NEW_LEADER_ELECTED)
}

function failed({ partitionIndex }: PartitionRequest, errorCode: number): PartitionResponse {
  return { partitionIndex, errorCode }
}
