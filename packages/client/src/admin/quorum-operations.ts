/** The metadata quorum (KRaft): who leads and votes, how far each replica has got, and changes of the voter set. */
import { NO_NODE, NO_TIMESTAMP, nodeId, parseUuid } from '@millrace/base'
import type { Endpoint, LeaderEpoch, NodeId, Offset, TimestampMs, Uuid } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { BrokerError, ConfigError, MillraceError } from '../errors.ts'
import type { CallScope } from '../retry/call-scope.ts'

/** Where a controller listens, by the name of the listener. */
export interface QuorumEndpoint extends Endpoint {
  readonly name: string
}

export interface QuorumReplica {
  readonly id: NodeId
  /** Which data folder: a node that lost its disk comes back with another. Zero where the cluster does not say. */
  readonly directoryId: Uuid
  /** Offset of the next record that it lacks; −1 while the leader has not heard from it. */
  readonly logEndOffset: Offset
  /** Records that the leader has and this replica lacks; null while not known. */
  readonly lag: number | null
  /** Of its last fetch, by the leader's clock; −1 for the leader itself, and while not known. */
  readonly lastFetchTimestamp: TimestampMs
  /** When the leader had no more than the replica has by now, by the leader's clock; −1 while not known. */
  readonly lastCaughtUpTimestamp: TimestampMs
  /** How long ago it fetched last, both ends measured by the leader's clock; 0 for the leader, null while not known. */
  readonly lastFetchAgeMs: number | null
  /** Of a controller. Empty for a broker, and where the cluster does not say (DescribeQuorum before v2). */
  readonly endpoints: readonly QuorumEndpoint[]
}

export interface QuorumDescription {
  /** The active controller. */
  readonly leaderId: NodeId
  readonly leaderEpoch: LeaderEpoch
  /** Records below are committed: a majority of the voters has them. */
  readonly highWatermark: Offset
  readonly voters: readonly QuorumReplica[]
  /** Replicas without a vote: brokers, and controllers that have not been added. */
  readonly observers: readonly QuorumReplica[]
}

/** A node of the quorum, in one data folder of which it has a vote. */
export interface VoterKey {
  readonly id: number
  /** 22 characters, as `describeQuorum` shows them. */
  readonly directoryId: string
}

export interface NewVoter extends VoterKey {
  /** Where the other controllers reach it; at least one. The name is that of the listener, by default `CONTROLLER`. */
  readonly endpoints: readonly (Endpoint & { readonly name?: string | undefined })[]
}

const METADATA_TOPIC = '__cluster_metadata'
const METADATA_PARTITION = 0
const CONTROLLER_LISTENER = 'CONTROLLER'

type Answer = ResponseOf<'DescribeQuorum'>
type AnsweredPartition = Answer['topics'][number]['partitions'][number]

export async function describeQuorum(cluster: Cluster, scope: CallScope): Promise<QuorumDescription> {
  return await cluster.retrying('describe the quorum', scope, (signal) => askQuorum(cluster, signal))
}

async function askQuorum(cluster: Cluster, signal: AbortSignal): Promise<QuorumDescription> {
  const what = 'describe the quorum'
  const request = {
    topics: [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: METADATA_PARTITION }] }],
  }
  const answer = await cluster.requestController('DescribeQuorum', request, signal)
  requireSuccess(answer, what)
  const partition = answer.topics[0]?.partitions[0]
  if (partition === undefined) {
    throw new MillraceError('BAD_ANSWER', `${what}: the broker's answer lacks ${METADATA_TOPIC}`)
  }
  requireSuccess(partition, what)
  if (partition.leaderId === NO_NODE) {
    throw new BrokerError(ErrorCode.NOT_CONTROLLER, what, 'the controllers are electing a leader')
  }
  return quorumDescription(partition, answer.nodes)
}

/**
 * Resolves when the voter set with the new voter is committed.
 *
 * An answer that got lost may have been that of success. The try after it then finds the voter there, and that is no
 * failure.
 */
export async function addVoter(cluster: Cluster, voter: NewVoter, scope: CallScope): Promise<void> {
  if (voter.endpoints.length === 0) throw new ConfigError('a voter needs at least one endpoint')
  const what = `add voter ${voter.id}`
  const listeners = voter.endpoints.map(({ name = CONTROLLER_LISTENER, host, port }) => ({
    name,
    host,
    port,
  }))
  await retryingChange(cluster, what, scope, async (signal, isRepeated) => {
    const request = {
      clusterId: await clusterId(cluster),
      timeoutMs: cluster.options.requestTimeoutMs,
      voterId: nodeId(voter.id),
      voterDirectoryId: directoryIdOf(voter),
      listeners,
    }
    const answer = await cluster.requestController('AddRaftVoter', request, signal)
    const isThere = answer.errorCode === ErrorCode.DUPLICATE_VOTER && isRepeated
    if (isThere && (await isVoter(cluster, voter, signal))) return
    requireSuccess(answer, what)
  })
}

/** Resolves when the voter set without it is committed. A repeated try that finds it gone has succeeded, as above. */
export async function removeVoter(cluster: Cluster, voter: VoterKey, scope: CallScope): Promise<void> {
  const what = `remove voter ${voter.id}`
  await retryingChange(cluster, what, scope, async (signal, isRepeated) => {
    const request = {
      clusterId: await clusterId(cluster),
      voterId: nodeId(voter.id),
      voterDirectoryId: directoryIdOf(voter),
    }
    const answer = await cluster.requestController('RemoveRaftVoter', request, signal)
    if (answer.errorCode === ErrorCode.VOTER_NOT_FOUND && isRepeated) return
    requireSuccess(answer, what)
  })
}

/**
 * Runs a change that can be made only once.
 * @param attempt is told whether an earlier try was sent
 */
export async function retryingChange(
  cluster: Cluster,
  what: string,
  scope: CallScope,
  attempt: (signal: AbortSignal, isRepeated: boolean) => Promise<void>,
): Promise<void> {
  let attempts = 0
  await cluster.retrying(what, scope, (signal) => attempt(signal, attempts++ > 0))
}

/** @throws BrokerError when the answer carries an error */
export function requireSuccess(
  { errorCode, errorMessage }: { readonly errorCode: number; readonly errorMessage: string | null },
  what: string,
): void {
  if (errorCode !== 0) throw new BrokerError(errorCode, what, errorMessage)
}

/** Guards against changing another cluster that has taken over the address. */
async function clusterId(cluster: Cluster): Promise<string | null> {
  if (cluster.metadata.clusterId === null) await cluster.refresh()
  return cluster.metadata.clusterId
}

async function isVoter(cluster: Cluster, key: VoterKey, signal: AbortSignal): Promise<boolean> {
  const { voters } = await askQuorum(cluster, signal)
  return voters.some(({ id, directoryId }) => id === key.id && directoryId === key.directoryId)
}

function directoryIdOf({ id, directoryId }: VoterKey): Uuid {
  const parsed = parseUuid(directoryId)
  if (parsed !== null) return parsed
  throw new ConfigError(
    `directory id ${JSON.stringify(directoryId)} of voter ${id} is not 22 characters of base64`,
  )
}

function quorumDescription(partition: AnsweredPartition, nodes: Answer['nodes']): QuorumDescription {
  const { leaderId, leaderEpoch, highWatermark, currentVoters, observers } = partition
  const leader = currentVoters.find(({ replicaId }) => replicaId === leaderId)
  const endpoints = new Map(nodes.map((node) => [node.nodeId, node.listeners]))
  const replica = (state: AnsweredPartition['currentVoters'][number]): QuorumReplica => ({
    id: state.replicaId,
    directoryId: state.replicaDirectoryId,
    logEndOffset: state.logEndOffset,
    lag: lagOf(state.logEndOffset, leader?.logEndOffset),
    lastFetchTimestamp: state.lastFetchTimestamp,
    lastCaughtUpTimestamp: state.lastCaughtUpTimestamp,
    lastFetchAgeMs: state === leader ? 0 : ageMs(state.lastFetchTimestamp, leader?.lastCaughtUpTimestamp),
    endpoints: endpoints.get(state.replicaId) ?? [],
  })
  return {
    leaderId,
    leaderEpoch,
    highWatermark,
    voters: currentVoters.map(replica),
    observers: observers.map(replica),
  }
}

function lagOf(end: number, leaderEnd: number | undefined): number | null {
  return end < 0 || leaderEnd === undefined || leaderEnd < 0 ? null : Math.max(0, leaderEnd - end)
}

/** @param presentMs by the leader's clock: when it was caught up with itself */
function ageMs(timestampMs: number, presentMs: number | undefined): number | null {
  if (timestampMs === NO_TIMESTAMP || presentMs === undefined || presentMs === NO_TIMESTAMP) return null
  return Math.max(0, presentMs - timestampMs)
}
