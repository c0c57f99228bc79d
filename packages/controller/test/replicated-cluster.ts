/** A cluster with one replicated topic, and what its leaders and operators ask. */
import type { NodeId } from '@millrace/base'
import { ConfigResourceType, type PartitionImage } from '@millrace/metadata'
import type { RequestOf } from '@millrace/protocol'
import { expect } from 'vitest'
import { handleIncrementalAlterConfigs } from '../src/alter-configs.ts'
import { handleAlterPartitionReassignments } from '../src/alter-partition-reassignments.ts'
import { handleAlterPartition } from '../src/alter-partition.ts'
import { handleCreateTopics } from '../src/create-topics.ts'
import { createTopics, node, TestCluster, topic, uuid } from './cluster.ts'

type Asked = RequestOf<'AlterPartition'>['topics'][number]['partitions'][number]
type AlterPartitionRequest = RequestOf<'AlterPartition'>

export class ReplicatedCluster extends TestCluster {
  /**
   * Brokers 1 … 4. Topic `t` has min.insync.replicas 2 unless said otherwise.
   * @param assignments by default one partition on 1, 2 and 3
   */
  constructor(
    assignments: readonly (readonly number[])[] = [[1, 2, 3]],
    configs: Record<string, string> = {},
  ) {
    super([1, 2, 3, 4].map((id) => ({ id, logDirs: [uuid(7000 + id)] })))
    const request = topic('t', {
      assignments: assignments.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids.map(node) })),
      configs: Object.entries({ 'min.insync.replicas': '2', ...configs }).map(([name, value]) => ({
        name,
        value,
      })),
    })
    this.run(handleCreateTopics, createTopics([request]))
  }

  partition(index = 0): PartitionImage {
    return this.image.partition('t', index)!
  }

  epochOf(id: number): number {
    return this.broker(id)?.epoch ?? -1
  }

  crash(...ids: number[]): void {
    for (const id of ids) this.fence({ brokerId: node(id), brokerEpoch: this.epochOf(id) })
  }

  /** The broker crashes; a new process registers, catches up, and runs. */
  restart(id: number, fields: Parameters<TestCluster['register']>[1] = {}): void {
    this.crash(id)
    this.register(id, { incarnationId: uuid(20_000 + this.image.position.lastOffset), ...fields })
    this.heartbeat(id)
  }

  members(...ids: number[]): { brokerId: NodeId; brokerEpoch: number }[] {
    return ids.map((id) => ({ brokerId: node(id), brokerEpoch: this.epochOf(id) }))
  }

  /** What the leader of a partition asks, as things stand. */
  request(isr: readonly number[], fields: Partial<Asked> = {}, by?: number): AlterPartitionRequest {
    const { leader, leaderEpoch, partitionEpoch, leaderRecoveryState } = this.partition(fields.partitionIndex)
    const brokerId = by === undefined ? leader : node(by)
    const asked = {
      partitionIndex: 0,
      leaderEpoch,
      newIsr: [],
      newIsrWithEpochs: this.members(...isr),
      leaderRecoveryState,
      partitionEpoch,
      leadershipRefusal: 0,
      ...fields,
    }
    const { id: topicId } = this.image.topics.byName('t')!
    const topics = [{ topicName: 't', topicId, partitions: [asked] }]
    return { brokerId, brokerEpoch: this.epochOf(brokerId), topics }
  }

  /** @returns the partition's part of the answer */
  alter(isr: readonly number[], fields: Partial<Asked> = {}, by?: number) {
    const { topics } = this.run(handleAlterPartition, this.request(isr, fields, by))
    return topics?.[0]?.partitions[0]
  }

  /** @returns the partition's part of the answer */
  reassign(target: readonly number[] | null, partitionIndex = 0, allowReplicationFactorChange = true) {
    const partitions = [{ partitionIndex, replicas: target?.map(node) ?? null }]
    const request = { timeoutMs: 1, allowReplicationFactorChange, topics: [{ name: 't', partitions }] }
    return this.run(handleAlterPartitionReassignments, request).responses[0]!.partitions[0]!
  }

  configure(name: string, value: string, resourceType: number = ConfigResourceType.TOPIC): void {
    const resourceName = resourceType === ConfigResourceType.TOPIC ? 't' : ''
    this.alterConfigs([{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }])
  }

  alterConfigs(resources: RequestOf<'IncrementalAlterConfigs'>['resources']): void {
    const { responses } = this.run(handleIncrementalAlterConfigs, { resources, validateOnly: false })
    for (const { errorCode, errorMessage } of responses) expect(errorCode, errorMessage ?? '').toBe(0)
  }
}
