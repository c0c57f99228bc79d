/** From keys as people write them to the typed configuration of a node: the whole of it is checked here, before anything starts. */
import { type NodeId, nodeId } from '@millrace/base'
import type { BrokerConfig, ListenerConfig } from '@millrace/broker'
import type { ControllerConfig } from '@millrace/controller'
import type { QuorumConfig } from '@millrace/metadata-log'
import type { ServerLimits } from '@millrace/net'
import type { LeaderBalanceConfig } from '../controller/leader-balancer.ts'
import { brokerConfig, dataDirectory, serverLimits } from './broker-config.ts'
import type { LoadedConfig } from './load-config.ts'
import { type NodeRoles, nodeRoles } from './node-roles.ts'
import { nodeListeners } from './node-listeners.ts'
import { configTable } from './server-config.ts'

export interface NodeConfig {
  readonly nodeId: NodeId
  /** As set; null: of the data folder, or new. */
  readonly clusterId: string | null
  /** Absolute path. */
  readonly dataDirectory: string
  readonly roles: NodeRoles
  readonly quorum: QuorumConfig
  /** Null: without the role, or nobody else has to reach it. */
  readonly controllerListener: ListenerConfig | null
  /** Null without the role. Its cluster id is known only when the data folder is open. */
  readonly broker: BrokerConfig | null
  readonly decisions: ControllerConfig
  /** What the controller listener allows its peers; a broker's own go to its shards. */
  readonly limits: Partial<ServerLimits>
  readonly membership: MembershipConfig
  readonly leaderBalance: LeaderBalanceConfig
}

interface MembershipConfig {
  readonly registrationTimeoutMs: number
  readonly sessionTimeoutMs: number
  /** For requests that say no time themselves. */
  readonly propagationTimeoutMs: number
}

/** Longest that a leader holds back a fetch that has nothing to give; well below the fetch timeout of its peers. */
const FETCH_WAIT_MAX_MS = 500

/** @throws StartupError CONFIG_INVALID where values that are fine alone do not fit together, LISTENER_INSECURE */
export function nodeConfig(loaded: LoadedConfig): NodeConfig {
  const { values, explicit } = loaded
  const roles = nodeRoles(loaded)
  const listeners = nodeListeners(loaded, roles)
  const id = nodeId(values['node.id'])
  return {
    nodeId: id,
    clusterId: values['cluster.id'],
    dataDirectory: dataDirectory(loaded),
    roles,
    quorum: quorumConfig(loaded),
    controllerListener: listeners.controller,
    broker: listeners.broker === null ? null : brokerConfig(loaded, '', listeners.broker),
    limits: serverLimits(loaded),
    decisions: {
      nodeId: id,
      defaultPartitions: values['num.partitions'],
      defaultReplicationFactor: values['default.replication.factor'],
      partitionsPerRequestMax: values['max.partitions.per.request'],
      brokerKeys: configTable,
      staticEntries: explicit,
    },
    membership: {
      registrationTimeoutMs: values['initial.broker.registration.timeout.ms'],
      sessionTimeoutMs: values['broker.session.timeout.ms'],
      propagationTimeoutMs: values['metadata.propagation.timeout.ms'],
    },
    leaderBalance: {
      isEnabled: values['auto.leader.rebalance.enable'],
      intervalMs: values['leader.imbalance.check.interval.seconds'] * 1000,
      imbalancePercentage: values['leader.imbalance.per.broker.percentage'],
    },
  }
}

function quorumConfig({ values }: LoadedConfig): QuorumConfig {
  const fetchTimeoutMs = values['controller.quorum.fetch.timeout.ms']
  return {
    fetchTimeoutMs,
    electionTimeoutMs: values['controller.quorum.election.timeout.ms'],
    electionBackoffMaxMs: values['controller.quorum.election.backoff.max.ms'],
    requestTimeoutMs: values['controller.quorum.request.timeout.ms'],
    fetchMaxWaitMs: Math.min(FETCH_WAIT_MAX_MS, Math.floor(fetchTimeoutMs / 2)),
    snapshotBytes: values['metadata.log.max.record.bytes.between.snapshots'],
    snapshotIntervalMs: values['metadata.log.max.snapshot.interval.ms'],
    segmentBytes: values['metadata.log.segment.bytes'],
    autoJoin: values['controller.quorum.auto.join.enable'],
  }
}
