import { NO_NODE, nodeId } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { metadataHandler } from '../../src/handlers/metadata.ts'
import { ClusterView } from '../../src/shard/cluster-view.ts'
import { TopicTable } from '../../src/topics/topic-table.ts'
import { testConfig } from '../support/config.ts'
import { LocalMetadata, NODE } from '../support/local-metadata.ts'
import { TestConnection } from '../support/shard-fixture.ts'

const SELF = nodeId(2)

/** What this broker, which leads nothing, says of a topic that the other one leads. */
function rig() {
  const metadata = new LocalMetadata()
  metadata.register(NODE)
  metadata.register(SELF)
  metadata.createTopic('t')
  const config = testConfig('/nowhere', { nodeId: SELF, autoCreateTopics: false })
  const cluster = new ClusterView(config)
  cluster.image = metadata.image
  const handle = metadataHandler({
    config,
    cluster,
    topics: new TopicTable(0),
    topicCreation: null as never,
    metadataWaits: null as never,
  })
  const leader = () => {
    const request = { topics: [{ name: 't' }], allowAutoTopicCreation: false } as RequestOf<'Metadata'>
    const context = { apiVersion: 12, connection: new TestConnection() } as unknown as RequestContext
    const { topics } = handle(request, context) as ResponseInputOf<'Metadata'>
    const { errorCode, leaderId, leaderEpoch } = topics[0]!.partitions![0]!
    return { errorCode, leaderId, leaderEpoch }
  }
  return { cluster, metadata, leader }
}

describe('clients', () => {
  it('are not sent to a leader that is most likely gone, before the controller has said so', () => {
    const { cluster, leader } = rig()
    expect(leader()).toEqual({ errorCode: ErrorCode.NONE, leaderId: NODE, leaderEpoch: 0 })
    cluster.lostForMs = (id) => (id === NODE ? 1000 : null)
    const nobody = { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, leaderId: NO_NODE, leaderEpoch: 0 }
    expect(leader()).toEqual(nobody)
    cluster.lostForMs = () => null
    expect(leader()).toMatchObject({ errorCode: ErrorCode.NONE, leaderId: NODE })
  })

  it('are not sent to this broker by itself once it has lost controllers and followers, for what others can lead', () => {
    const { cluster, metadata } = rig()
    const partition = metadata.image.topics.byName('t')!.partitions[0]!
    const alone = { ...partition, leader: SELF, replicas: [SELF] }
    const replicated = { ...alone, replicas: [SELF, NODE] }
    const shown = () => [alone, replicated].map((led) => cluster.shownLeader(led))
    cluster.standing = 'session-over'
    expect(shown()).toEqual([SELF, SELF])
    cluster.standing = 'replaced'
    expect(shown()).toEqual([SELF, NO_NODE])
    cluster.standing = 'in-session'
    expect(shown()).toEqual([SELF, SELF])
  })

  it('tells the ports of shards only to those who came in where other nodes do', () => {
    const { listener } = testConfig('/nowhere')
    const clientListeners = [
      { ...listener, name: 'OUTSIDE', advertisedHost: '127.0.0.1', advertisedPort: 19_091 },
    ]
    const view = new ClusterView(testConfig('/nowhere', { clientListeners }))
    view.ports = { brokerPort: 9092, clientPorts: [9094], shardPorts: [7001, 7002] }
    const local = { host: '10.0.0.1', port: 9092 }
    const portsOf = (name: string) =>
      [0, 1, -1].map((shard) => view.shardPort(shard, { listener: name, local }))
    expect([portsOf('PLAINTEXT'), portsOf('OUTSIDE')]).toEqual([
      [7001, 7002, 0],
      [0, 0, 0],
    ])
  })
})
