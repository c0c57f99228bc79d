/**
 * AlterPartition: a leader says who is in sync (KIP-497, KIP-704), or that it must not lead. Only the leader of the current
 * leader epoch may, of the partition as it stands now, and nobody joins an ISR who is fenced, stopping (KIP-841) or a
 * newer process than the one that the leader saw (KIP-903).
 *
 * A proposal that leaves the ISR as it is raises the partition epoch all the same: it is how a leader makes sure that an
 * expansion whose answer was lost can't be carried out any more.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import { isAvailable, type MetadataImage, type PartitionImage, type TopicImage } from '@millrace/metadata'
import {
  ErrorCode,
  metadataRecord,
  type MetadataRecord,
  type RequestOf,
  type ResponseInputOf,
} from '@millrace/protocol'
import type { Decision, DecisionContext } from './decision.ts'
import { electLeader } from './leader-election.ts'

type Request = RequestOf<'AlterPartition'>
type PartitionRequest = Request['topics'][number]['partitions'][number]
type Response = ResponseInputOf<'AlterPartition'>
type PartitionResponse = NonNullable<Response['topics']>[number]['partitions'][number]

interface Altered {
  readonly response: PartitionResponse
  readonly record: MetadataRecord | null
}

/**
 * Errors: STALE_BROKER_EPOCH; by partition UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, FENCED_LEADER_EPOCH (another
 * leads by now), NOT_CONTROLLER (the leader knows more than this controller), INVALID_UPDATE_VERSION, INVALID_REQUEST,
 * INELIGIBLE_REPLICA.
 */
export function handleAlterPartition(request: Request, { image }: DecisionContext): Decision<Response> {
  if (image.brokers.get(request.brokerId)?.epoch !== request.brokerEpoch) {
    return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH } }
  }
  const records: MetadataRecord[] = []
  const topics = request.topics.map(({ topicId, partitions }) => {
    const topic = image.topics.byId(topicId)
    return {
      topicId,
      partitions: partitions.map((asked) => {
        const { response, record } = alterOne(request.brokerId, topic, asked, image)
        if (record !== null) records.push(record)
        return response
      }),
    }
  })
  return { records, response: { topics } }
}

function alterOne(
  brokerId: NodeId,
  topic: TopicImage | undefined,
  asked: PartitionRequest,
  image: MetadataImage,
): Altered {
  if (topic === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_ID)
  const partition = topic.partitions[asked.partitionIndex]
  if (partition === undefined) return failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  if (asked.leaderEpoch > partition.leaderEpoch) return failed(asked, ErrorCode.NOT_CONTROLLER)
  if (asked.leaderEpoch < partition.leaderEpoch || partition.leader !== brokerId) {
    return failed(asked, ErrorCode.FENCED_LEADER_EPOCH)
  }
  if (asked.leadershipRefusal !== 0) return refused(brokerId, topic, asked, partition, image)
  if (asked.partitionEpoch > partition.partitionEpoch) return failed(asked, ErrorCode.NOT_CONTROLLER)
  if (asked.partitionEpoch < partition.partitionEpoch) return failed(asked, ErrorCode.INVALID_UPDATE_VERSION)
  const problem = isrProblem(brokerId, asked, partition, image)
  if (problem !== ErrorCode.NONE) return failed(asked, problem)
  return changed(topic, asked, partition)
}

interface Member {
  readonly brokerId: NodeId
  /** −1: the leader does not say. */
  readonly brokerEpoch: number
}

function membersOf({ newIsr, newIsrWithEpochs }: PartitionRequest): readonly Member[] {
  return newIsrWithEpochs.length > 0
    ? newIsrWithEpochs
    : newIsr.map((brokerId) => ({ brokerId, brokerEpoch: -1 }))
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
  return broker !== undefined && isAvailable(broker) && (brokerEpoch === -1 || brokerEpoch === broker.epoch)
}

function changed(topic: TopicImage, asked: PartitionRequest, partition: PartitionImage): Altered {
  const isr = membersOf(asked).map(({ brokerId }) => brokerId)
  const { leader, leaderEpoch } = partition
  const { partitionIndex, leaderRecoveryState } = asked
  const record = metadataRecord('PartitionChangeRecord', {
    partitionId: partitionIndex,
    topicId: topic.id,
    isr,
    ...(leaderRecoveryState !== partition.leaderRecoveryState && { leaderRecoveryState }),
  })
  const partitionEpoch = partition.partitionEpoch + 1
  return {
    record,
    response: { partitionIndex, leaderId: leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch },
  }
}

/** Whoever must not lead is not in sync either, unless it is the last who may have everything. */
function refused(
  brokerId: NodeId,
  topic: TopicImage,
  asked: PartitionRequest,
  partition: PartitionImage,
  image: MetadataImage,
): Altered {
  const others = partition.isr.filter((id) => id !== brokerId)
  const isLive = (id: NodeId): boolean => {
    const broker = image.brokers.get(id)
    return id !== brokerId && broker !== undefined && isAvailable(broker)
  }
  const isr = others.length > 0 ? others : partition.isr
  const leader = electLeader({ replicas: partition.replicas, isr }, isLive)
  const record = metadataRecord('PartitionChangeRecord', {
    partitionId: asked.partitionIndex,
    topicId: topic.id,
    ...(others.length > 0 && { isr }),
    leader: leader === brokerId ? NO_NODE : leader,
  })
  return {
    record,
    response: { partitionIndex: asked.partitionIndex, errorCode: ErrorCode.NEW_LEADER_ELECTED },
  }
}

function failed({ partitionIndex }: PartitionRequest, errorCode: number): Altered {
  return { record: null, response: { partitionIndex, errorCode } }
}
