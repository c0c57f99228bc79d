/**
 * FindCoordinator: which broker coordinates a group (key type 0) or a transactional id (1).
 * One key up to version 3; a list of them from version 4 on (KIP-699).
 */
import { NO_NODE } from '@millrace/base'
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, int16, int32, int8, nodeId, string, struct } from '../schema/field.ts'

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  listeners: ['broker'],
  versions: '0-6',
  flexible: '3+',
  served: '0-6',
  request: {
    key: string({ versions: '0-3', default: '' }),
    keyType: int8({ versions: '1+', default: 0 }),
    coordinatorKeys: array(string(), { versions: '4+', default: [] }),
  },
  response: {
    throttleTimeMs: int32({ versions: '1+', default: 0, ignorable: true }),
    errorCode: int16({ versions: '0-3', default: 0, ignorable: true }),
    errorMessage: string({ versions: '1-3', nullable: '1-3', default: null, ignorable: true }),
    nodeId: nodeId({ versions: '0-3', default: NO_NODE, ignorable: true }),
    host: string({ versions: '0-3', default: '', ignorable: true }),
    port: int32({ versions: '0-3', default: 0, ignorable: true }),
    coordinators: array(
      struct({
        key: string(),
        nodeId: nodeId(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: '0+', default: null }),
      }),
      { versions: '4+', default: [], ignorable: true },
    ),
  },
})

export type FindCoordinatorRequest = RequestBody<typeof findCoordinator>
export type FindCoordinatorResponse = ResponseBody<typeof findCoordinator>
