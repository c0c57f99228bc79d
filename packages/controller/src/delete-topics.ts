/** DeleteTopics, by name or by id. The records name ids, so a topic created later under the same name is safe. */
import { type Uuid, ZERO_UUID } from '@millrace/base'
import type { MetadataImage, MetadataRecord, TopicImage } from '@millrace/metadata'
import { ErrorCode, metadataRecord, type RequestOf, type ResponseInputOf } from '@millrace/protocol'
import { type Decision, type DecisionContext, type Refusal, refusal } from './decision.ts'

type Request = RequestOf<'DeleteTopics'>
type Response = ResponseInputOf<'DeleteTopics'>
type Result = Response['responses'][number]

/** What one item of the request says; the newer form may name a topic either way. */
interface Target {
  readonly name: string | null
  readonly topicId: Uuid
}

/** Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_REQUEST (twice, both ways, or neither). */
export function handleDeleteTopics(request: Request, { image }: DecisionContext): Decision<Response> {
  const records: MetadataRecord[] = []
  const deleted = new Set<Uuid>()
  const responses = targets(request).map((target): Result => {
    const topic = findTopic(target, image)
    if ('errorCode' in topic) return { ...target, ...topic }
    if (deleted.has(topic.id)) {
      return { ...target, ...refusal(ErrorCode.INVALID_REQUEST, 'The topic is named twice in this request.') }
    }
    deleted.add(topic.id)
    records.push(metadataRecord('RemoveTopicRecord', { topicId: topic.id }))
    return { name: topic.name, topicId: topic.id, errorCode: ErrorCode.NONE }
  })
  return { records, response: { responses } }
}

function targets(request: Request): Target[] {
  const byName = request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
  return [...byName, ...request.topics.map(({ name, topicId }) => ({ name, topicId }))]
}

function findTopic({ name, topicId }: Target, image: MetadataImage): TopicImage | Refusal {
  if (topicId !== ZERO_UUID) {
    if (name !== null) {
      return refusal(ErrorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.')
    }
    return (
      image.topics.byId(topicId) ??
      refusal(ErrorCode.UNKNOWN_TOPIC_ID, `There is no topic with the id ${topicId}.`)
    )
  }
  if (name === null) return refusal(ErrorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.')
  return (
    image.topics.byName(name) ??
    refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`)
  )
}
