import { ErrorCode, type RequestOf } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { controllerHandlers } from '../src/controller-handlers.ts'
import { refuseAll } from '../src/refuse-all.ts'
import { createTopics, node, registrationOf, topic, uuid } from './cluster.ts'

const refusal = {
  errorCode: ErrorCode.NOT_CONTROLLER,
  errorMessage: 'Node 101 is not the active controller.',
}
const { errorCode } = refusal

test('each request that the controller decides on can be refused as a whole', () => {
  expect(Object.keys(refuseAll).toSorted()).toEqual(Object.keys(controllerHandlers).toSorted())
})

test('a refusal names every topic and resource of the request', () => {
  expect(refuseAll.CreateTopics(createTopics([topic('a'), topic('b')]), refusal)).toEqual({
    topics: [
      { name: 'a', ...refusal, configs: [] },
      { name: 'b', ...refusal, configs: [] },
    ],
  })
  const deletion = { topicNames: ['a'], topics: [{ name: null, topicId: uuid(2) }], timeoutMs: 1 }
  expect(refuseAll.DeleteTopics(deletion, refusal)).toEqual({
    responses: [
      { name: 'a', ...refusal },
      { name: null, topicId: uuid(2), ...refusal },
    ],
  })
  const growth: RequestOf<'CreatePartitions'> = {
    topics: [{ name: 'a', count: 2, assignments: null }],
    timeoutMs: 1,
    validateOnly: false,
  }
  expect(refuseAll.CreatePartitions(growth, refusal)).toEqual({ results: [{ name: 'a', ...refusal }] })
  const resources = [{ resourceType: 2, resourceName: 'a', configs: [] }]
  expect(refuseAll.IncrementalAlterConfigs({ resources, validateOnly: false }, refusal)).toEqual({
    responses: [{ resourceType: 2, resourceName: 'a', ...refusal }],
  })
})

test('a broker that is refused is neither registered nor unfenced', () => {
  expect(refuseAll.BrokerRegistration(registrationOf(1), refusal)).toEqual({ errorCode })
  const heartbeat = {
    brokerId: node(1),
    brokerEpoch: 1,
    currentMetadataOffset: 0 as RequestOf<'BrokerHeartbeat'>['currentMetadataOffset'],
    wantFence: false,
    wantShutDown: true,
    offlineLogDirs: [],
  }
  expect(refuseAll.BrokerHeartbeat(heartbeat, refusal)).toEqual({ errorCode })
  expect(refuseAll.UnregisterBroker({ brokerId: node(1) }, refusal)).toEqual(refusal)
})
