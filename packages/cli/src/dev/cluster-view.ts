/** What is known of a development cluster at one moment. Pure: data, and what follows from it. */
import type { BrokerDescription, QuorumDescription } from '@millrace/client'
import type { PartitionCounts } from '../hosted-partitions.ts'
import type { NodeRole } from './dev-plan.ts'

export interface RunningNode {
  readonly id: number
  readonly role: NodeRole
  /** `host:port` */
  readonly listen: string
  /** Null while its process is down. */
  readonly pid: number | null
}

/** As the brokers tell it. A part is null while nobody answers. */
export interface ClusterReport {
  readonly brokers: readonly BrokerDescription[] | null
  readonly quorum: QuorumDescription | null
  readonly partitions: PartitionCounts | null
}

export type NodeState = 'down' | 'starting' | 'fenced' | 'up' | 'leader' | 'voter' | 'observer' | 'unknown'

export interface NodeStatus extends RunningNode {
  readonly state: NodeState
  /** Records of the metadata log that it lacks; null while not known. */
  readonly lag: number | null
  /** Partitions that it leads; null for a controller, and while not known. */
  readonly leads: number | null
}

export function nodeStatus(node: RunningNode, report: ClusterReport): NodeStatus {
  const { voters = [], observers = [] } = report.quorum ?? {}
  const replica = [...voters, ...observers].find(({ id }) => id === node.id)
  const isBroker = node.role === 'broker'
  return {
    ...node,
    state:
      node.pid === null ? 'down' : isBroker ? brokerState(node.id, report) : controllerState(node.id, report),
    lag: node.pid === null ? null : (replica?.lag ?? null),
    leads:
      isBroker && report.partitions !== null ? (report.partitions.byBroker.get(node.id)?.leads ?? 0) : null,
  }
}

function brokerState(id: number, { brokers }: ClusterReport): NodeState {
  if (brokers === null) return 'unknown'
  const broker = brokers.find(({ nodeId }) => nodeId === id)
  if (broker === undefined) return 'starting'
  return broker.isFenced ? 'fenced' : 'up'
}

function controllerState(id: number, { quorum }: ClusterReport): NodeState {
  if (quorum === null) return 'unknown'
  if (quorum.leaderId === id) return 'leader'
  if (quorum.voters.some((voter) => voter.id === id)) return 'voter'
  return quorum.observers.some((observer) => observer.id === id) ? 'observer' : 'starting'
}

/** What is worth a line when it changes: who leads, who is there. Not how much has been written. */
export function reportSummary(nodes: readonly RunningNode[], report: ClusterReport): string {
  const states = nodes.map((node) => nodeStatus(node, report))
  const brokers = states.filter(({ role }) => role === 'broker')
  const up = brokers.filter(({ state }) => state === 'up').length
  const { quorum } = report
  const led = quorum === null ? 'no leader' : `leader ${quorum.leaderId}, epoch ${quorum.leaderEpoch}`
  const absent = states.filter(({ state }) => state === 'down' || state === 'fenced')
  const missing = absent.map(({ role, id, state }) => `, ${role} ${id} ${state}`).join('')
  return `quorum: ${led}; brokers: ${up} of ${brokers.length} up${missing}`
}
