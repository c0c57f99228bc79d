import { int8, string } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** One configuration key of one resource was set, or, with null, removed. */
export const configRecord = defineRecord({
  key: 4,
  name: 'ConfigRecord',
  versions: '0',
  fields: {
    /** 2 topic, 4 broker */
    resourceType: int8(),
    /** Topic name, or broker id in decimal; empty: all brokers. */
    resourceName: string(),
    name: string(),
    value: string({ nullable: '0+' }),
  },
})
