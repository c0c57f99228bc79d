/** The cluster itself: its id, its controller, its brokers. */
import { nodeId } from '@millrace/base'
import type { NodeId } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import type { ResponseOf } from '@millrace/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerMetadata } from '../cluster/metadata-cache.ts'
import { MillraceError } from '../errors.ts'
import type { CallOptions, CallScope } from '../retry/call-scope.ts'
import { requireSuccess, retryingChange } from './quorum-operations.ts'

export interface DescribeClusterOptions extends CallOptions {
  /**
   * Brokers that are registered but lead nothing, because they are starting, stopping or gone, are listed too, where
   * the cluster can tell (DescribeCluster v2, KIP-1073).
   */
  readonly includeFenced?: boolean | undefined
}

export interface BrokerDescription extends BrokerMetadata {
  /** Registered, but neither leading partitions nor shown to clients. */
  readonly isFenced: boolean
}

export interface ClusterDescription {
  readonly clusterId: string
  /** The active controller, or a broker that reaches it; −1 while there is none. */
  readonly controllerId: NodeId
  /** By id. */
  readonly brokers: readonly BrokerDescription[]
}

export async function describeCluster(
  cluster: Cluster,
  includeFenced: boolean,
  scope: CallScope,
): Promise<ClusterDescription> {
  const what = 'describe the cluster'
  return await cluster.retrying(what, scope, async (signal) => {
    const answer = await askCluster(cluster, includeFenced, signal)
    requireSuccess(answer, what)
    const brokers = answer.brokers
      .map(({ brokerId, host, port, rack, isFenced }) => ({ nodeId: brokerId, host, port, rack, isFenced }))
      .toSorted((left, right) => left.nodeId - right.nodeId)
    return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers }
  })
}

async function askCluster(
  cluster: Cluster,
  includeFenced: boolean,
  signal: AbortSignal,
): Promise<ResponseOf<'DescribeCluster'>> {
  if (!includeFenced) return await cluster.requestAny('DescribeCluster', {}, { signal })
  try {
    return await cluster.requestAny('DescribeCluster', { includeFencedBrokers: true }, { signal })
  } catch (error) {
    // A broker that serves no v2 knows of no fenced brokers, or keeps them to itself.
    if (!(error instanceof MillraceError) || error.code !== 'UNSUPPORTED_VERSION') throw error
    return await cluster.requestAny('DescribeCluster', {}, { signal })
  }
}

/** Resolves when the cluster has forgotten the broker. A repeated try that finds it unknown has succeeded. */
export async function unregisterBroker(cluster: Cluster, id: number, scope: CallScope): Promise<void> {
  const what = `unregister broker ${id}`
  await retryingChange(cluster, what, scope, async (signal, isRepeated) => {
    const answer = await cluster.requestController('UnregisterBroker', { brokerId: nodeId(id) }, signal)
    if (answer.errorCode === ErrorCode.BROKER_ID_NOT_REGISTERED && isRepeated) return
    requireSuccess(answer, what)
  })
}
