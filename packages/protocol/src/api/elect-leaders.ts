/**
 * ElectLeaders: the preferred replicas of partitions lead again (KIP-183), or, where no replica that has every
 * acknowledged record is there, one that may lack some (KIP-460).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, int8, string, struct } from '../schema/field.ts'

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  listeners: ['broker', 'controller'],
  versions: '0-2',
  flexible: '2+',
  served: '0-2',
  request: {
    /** 0: preferred, 1: unclean. */
    electionType: int8({ versions: '1+', default: 0 }),
    /** Null: all partitions. */
    topicPartitions: array(struct({ topic: string(), partitions: array(int32()) }), { nullable: '0+' }),
    timeoutMs: int32({ default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    /** Version 0 has errors only in `partitionResult`. */
    errorCode: int16({ versions: '1+', default: 0, ignorable: true }),
    replicaElectionResults: array(
      struct({
        topic: string(),
        partitionResult: array(
          struct({
            partitionId: int32(),
            errorCode: int16({ default: 0 }),
            errorMessage: string({ nullable: '0+', default: null }),
          }),
        ),
      }),
    ),
  },
})

export type ElectLeadersRequest = RequestBody<typeof electLeaders>
export type ElectLeadersResponse = ResponseBody<typeof electLeaders>
