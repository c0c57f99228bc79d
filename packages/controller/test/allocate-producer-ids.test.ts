import { imageRecords, MetadataDelta, MetadataImage } from '@millrace/metadata'
import { ErrorCode, metadataRecord } from '@millrace/protocol'
import { expect, test } from 'vitest'
import { handleAllocateProducerIds } from '../src/allocate-producer-ids.ts'
import { node, TestCluster } from './cluster.ts'

const request = (cluster: TestCluster, id: number) => ({
  brokerId: node(id),
  brokerEpoch: cluster.broker(id)?.epoch ?? 0,
})

test('no producer id is given twice, whoever asks, also after a snapshot', () => {
  const cluster = new TestCluster(2)
  const blocks = [1, 2, 1].map((id) => cluster.run(handleAllocateProducerIds, request(cluster, id)))
  expect(blocks).toEqual([0, 1000, 2000].map((producerIdStart) => ({ producerIdStart, producerIdLen: 1000 })))
  cluster.image = new MetadataDelta(MetadataImage.empty('cluster'))
    .replayAll(imageRecords(cluster.image))
    .apply(cluster.image.position)
  expect(cluster.run(handleAllocateProducerIds, request(cluster, 2)).producerIdStart).toBe(3000)
})

test('only the registered process of a broker gets ids', () => {
  const cluster = new TestCluster(1)
  const stale = { brokerId: node(1), brokerEpoch: 77 }
  expect(cluster.run(handleAllocateProducerIds, stale).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH)
  expect(cluster.run(handleAllocateProducerIds, request(cluster, 9)).errorCode).toBe(
    ErrorCode.BROKER_ID_NOT_REGISTERED,
  )
})

test('when all ids are used up none is given', () => {
  const cluster = new TestCluster(1)
  const nextProducerId = Number.MAX_SAFE_INTEGER - 500
  cluster.apply([metadataRecord('ProducerIdsRecord', { brokerId: node(1), brokerEpoch: 0, nextProducerId })])
  expect(cluster.run(handleAllocateProducerIds, request(cluster, 1)).errorCode).toBe(
    ErrorCode.UNKNOWN_SERVER_ERROR,
  )
})
