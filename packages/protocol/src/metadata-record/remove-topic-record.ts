import { uuid } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** A topic was deleted, with its partitions and its configuration. */
export const removeTopicRecord = defineRecord({
  key: 9,
  name: 'RemoveTopicRecord',
  versions: '0',
  fields: { topicId: uuid() },
})
