import { int16, string } from '../schema/field.ts'
import { defineRecord } from '../schema/define-record.ts'

/** The level of a feature that the cluster has settled on. `metadata.version` opens every metadata log. */
export const featureLevelRecord = defineRecord({
  key: 12,
  name: 'FeatureLevelRecord',
  versions: '0',
  fields: { name: string(), featureLevel: int16() },
})
