/**
 * DeleteRecords: moves the start of partitions' logs up to an offset (KIP-107).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, offset, string, struct } from '../schema/field.ts'

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  listeners: ['broker'],
  versions: '0-2',
  flexible: '2+',
  served: '0-2',
  request: {
    topics: array(
      struct({
        name: string(),
        /** −1 stands for the high watermark. */
        partitions: array(struct({ partitionIndex: int32(), offset: offset() })),
      }),
    ),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            /** The log start offset afterwards. */
            lowWatermark: offset(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  },
})

export type DeleteRecordsRequest = RequestBody<typeof deleteRecords>
export type DeleteRecordsResponse = ResponseBody<typeof deleteRecords>
