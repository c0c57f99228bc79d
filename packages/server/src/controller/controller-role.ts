/** The controller of a node: what decides when it is active, and the listener by which others reach it. */
import { type Endpoint, type Env, NetError } from '@millrace/base'
import { describeConfigs } from '@millrace/metadata'
import type { MetadataQuorum } from '@millrace/metadata-log'
import { configTable } from '../config/server-config.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { listenFailure } from '../startup-failure.ts'
import { ActiveController } from './active-controller.ts'
import { type ControllerListenerHandlers, ControllerServer } from './controller-server.ts'
import { describeControllers } from './describe-controllers.ts'

export interface ControllerRoleOptions {
  readonly env: Env
  readonly config: NodeConfig
  readonly clusterId: string
  readonly quorum: MetadataQuorum
}

const DRAIN_MS = 1000

export class ControllerRole {
  readonly active: ActiveController
  readonly #options: ControllerRoleOptions
  readonly #server: ControllerServer | null

  constructor(options: ControllerRoleOptions) {
    const { env, config, quorum } = options
    this.#options = options
    this.active = new ActiveController({
      env,
      nodeId: config.nodeId,
      quorum,
      decisions: config.decisions,
      sessionTimeoutMs: config.membership.sessionTimeoutMs,
      propagationTimeoutMs: config.membership.propagationTimeoutMs,
      leaderBalance: config.leaderBalance,
    })
    this.#server =
      config.controllerListener === null
        ? null
        : new ControllerServer({
            env,
            limits: config.limits,
            handlers: this.#handlers(),
            onBrokerDisconnected: (broker) => this.active.onBrokerDisconnected(broker),
          })
  }

  /** @returns where it listens; null without a listener. @throws StartupError */
  async start(): Promise<Endpoint | null> {
    const { controllerListener } = this.#options.config
    this.active.start()
    if (this.#server === null || controllerListener === null) return null
    try {
      return await this.#server.listen(controllerListener)
    } catch (error) {
      if (error instanceof NetError) throw listenFailure(error, controllerListener)
      throw error
    }
  }

  /** Hands the leadership over first, so that nobody has to notice that it is gone. */
  async stop(): Promise<void> {
    await this.#options.quorum.resign()
    this.active.stop()
    await this.#server?.close(DRAIN_MS)
  }

  #handlers(): ControllerListenerHandlers {
    const { quorum, clusterId, config } = this.#options
    const { active } = this
    const { nodeId, decisions } = config
    return {
      ...quorum.handlers,
      CreateTopics: (request, context) => active.request('CreateTopics', request, context),
      DeleteTopics: (request, context) => active.request('DeleteTopics', request, context),
      CreatePartitions: (request, context) => active.request('CreatePartitions', request, context),
      IncrementalAlterConfigs: (request, context) =>
        active.request('IncrementalAlterConfigs', request, context),
      UnregisterBroker: (request, context) => active.request('UnregisterBroker', request, context),
      BrokerRegistration: (request, context) => active.request('BrokerRegistration', request, context),
      BrokerHeartbeat: (request, context) => active.request('BrokerHeartbeat', request, context),
      AlterPartition: (request, context) => active.request('AlterPartition', request, context),
      AllocateProducerIds: (request, context) => active.request('AllocateProducerIds', request, context),
      ElectLeaders: (request, context) => active.request('ElectLeaders', request, context),
      AlterPartitionReassignments: (request, context) =>
        active.request('AlterPartitionReassignments', request, context),
      ListPartitionReassignments: (request, context) =>
        active.request('ListPartitionReassignments', request, context),
      DescribeConfigs: (request) =>
        describeConfigs(request, quorum.image, {
          id: nodeId,
          keys: configTable,
          staticEntries: decisions.staticEntries,
        }),
      DescribeCluster: (request) => describeControllers(request, { clusterId, quorum }),
    }
  }
}
