import { string, uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A topic was created; its partitions follow as records of their own. */
export const topicRecord = defineRecord({
  key: 2,
  name: 'TopicRecord',
  versions: '0',
  fields: { name: string(), topicId: uuid() },
})
