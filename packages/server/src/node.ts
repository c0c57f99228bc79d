/**
 * One node with the roles that its configuration gives it, wired from its parts in the order of their start. They stop in
 * the opposite order, on every path. The outside world comes in by `env` alone: the simulator starts nodes here, too.
 */
import type { Endpoint, Env, NodeId } from '@millrace/base'
import type { ListenerConfig } from '@millrace/broker'
import { MetadataQuorum } from '@millrace/metadata-log'
import { BrokerRole } from './broker-role.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { type NodeConfig, nodeConfig } from './config/node-config.ts'
import { type ProcessRole, roleNames, roleWarnings } from './config/node-roles.ts'
import { ControllerRole } from './controller/controller-role.ts'
import { askForCluster } from './controller-question.ts'
import { formatEndpoint } from './listener.ts'
import { closeFolder, type NodeFolder, openNodeFolder } from './node-folder.ts'
import { QuorumWatch } from './quorum-watch.ts'
import { StartupError } from './startup-error.ts'
import { asStartupError } from './startup-failure.ts'

/** A node that serves. */
export interface RunningNode extends AsyncDisposable {
  readonly nodeId: NodeId
  readonly clusterId: string
  readonly roles: readonly ProcessRole[]
  /** Absolute path. */
  readonly dataDirectory: string
  /** Where clients connect, as `host:port` with the port that was bound; null without the broker's role. */
  readonly bootstrap: string | null
  /** Where this controller listens, as `host:port`; null when others need not reach it. */
  readonly controllerListener: string | null
  /** Worker threads; 0: all on the main thread. */
  readonly shards: number
  readonly quorum: MetadataQuorum
  /**
   * Resolves when the node finds that it can never take part in the cluster that its voters make: whoever started it
   * should close it and say so. Else it stays pending.
   */
  readonly refused: Promise<StartupError>
  /** Hands leaderships over, drains, flushes, writes the clean mark. Calling it again is harmless. */
  close(): Promise<void>
}

export interface StartOptions {
  /** Gives up a start that is still waiting for a controller. */
  readonly signal?: AbortSignal | undefined
  /** Told of the node's replica of the metadata as soon as it is open, before it takes part in anything. */
  readonly onQuorum?: ((quorum: MetadataQuorum) => void) | undefined
}

/**
 * A controller is there when it listens, whether or not it has found the others; a broker when it serves.
 * @throws StartupError when configuration, data folder, address or cluster do not permit it; the signal's reason
 */
export async function startNode(
  env: Env,
  loaded: LoadedConfig,
  { signal, onQuorum }: StartOptions = {},
): Promise<RunningNode> {
  const config = nodeConfig(loaded)
  for (const warning of roleWarnings(config.roles, config.quorum.autoJoin)) env.log.warn({}, warning)
  const opened = new AsyncDisposableStack()
  try {
    await refuseTwin(env, config)
    const folder = await openNodeFolder(env, config)
    if (config.broker === null) opened.defer(() => closeFolder(folder))
    const quorum = await openQuorum(env, config, folder)
    opened.defer(() => quorum.close())
    onQuorum?.(quorum)

    const { clusterId } = folder.identity
    const controller = config.roles.isController
      ? new ControllerRole({ env, config, clusterId, quorum })
      : null
    if (controller !== null) opened.defer(() => controller.stop())
    const controllerEndpoint = (await controller?.start()) ?? null
    quorum.start()

    const broker =
      config.broker === null
        ? null
        : new BrokerRole({
            env,
            config: { ...config.broker, clusterId },
            folder,
            quorum,
            localController: controller?.active ?? null,
            registrationTimeoutMs: config.membership.registrationTimeoutMs,
            signal,
          })
    const { promise: refused, resolve: refuse } = Promise.withResolvers<StartupError>()
    const watch = new QuorumWatch({
      env,
      nodeId: config.nodeId,
      clusterId,
      quorum,
      onForeignCluster: (id) => {
        const error = foreignCluster(clusterId, id)
        broker?.giveUp(error)
        // A log that names its voters is part of this cluster: then it is the others who are wrong here.
        if (!quorum.voters.isResolved) refuse(error)
      },
    })
    watch.start()
    opened.defer(() => watch.stop())
    const brokerEndpoint = (await broker?.start()) ?? null
    if (broker !== null) opened.defer(() => broker.stop())
    const parts = { config, folder, quorum, refused, controllerEndpoint, brokerEndpoint }
    return runningNode(env, parts, opened)
  } catch (error) {
    await closeAfterFailure(env, opened)
    throw asStartupError(error, config.dataDirectory, config.broker?.listener ?? config.controllerListener!)
  }
}

/** Why the node did not start is what whoever started it has to hear, not what else went wrong because of it. */
async function closeAfterFailure(env: Env, opened: AsyncDisposableStack): Promise<void> {
  try {
    await opened.disposeAsync()
  } catch (error) {
    env.log.error({ error }, 'the node did not start, and could not be closed cleanly')
  }
}

/** @throws the first of what went wrong; the rest is logged */
async function closeAll(env: Env, opened: AsyncDisposableStack): Promise<void> {
  try {
    await opened.disposeAsync()
  } catch (error) {
    let first: unknown = error
    for (; first instanceof SuppressedError; first = first.suppressed)
      env.log.error({ error: first.error }, 'another part of the node could not be closed cleanly, either')
    throw first
  }
}

/**
 * Two controllers of one number would take the vote from each other, each with the right to replace a lost disk. Asked
 * before this node listens, so that it cannot be itself that answers.
 */
async function refuseTwin(env: Env, { controllerListener, roles: { ownVoter } }: NodeConfig): Promise<void> {
  if (ownVoter === null || controllerListener === null) return
  const { host, port } = controllerListener
  // Where it is about to listen itself, a twin shows as an address in use.
  if (host === ownVoter.host && port === ownVoter.port) return
  if ((await askForCluster(env, ownVoter, `controller-${ownVoter.id}`)) === null) return
  const address = formatEndpoint(ownVoter)
  throw new StartupError(
    'NODE_ID_IN_USE',
    `a controller answers already at ${address}, where controller.quorum.voters has node ${ownVoter.id}`,
    'Stop it, or give this one another node.id: two controllers with one number must not vote.',
  )
}

function openQuorum(env: Env, config: NodeConfig, { identity }: NodeFolder): Promise<MetadataQuorum> {
  const { roles, controllerListener, dataDirectory, nodeId, quorum } = config
  const listener = controllerListener === null ? UNREACHABLE : advertised(controllerListener)
  return MetadataQuorum.open({
    env,
    dataDirectory,
    ...identity,
    canVote: roles.isController,
    bootstrapVoters: roles.voters.length > 0 ? roles.voters : [{ id: nodeId, ...listener }],
    listener: roles.isController ? listener : null,
    config: quorum,
  })
}

/** Of a quorum of one, to which nobody ever speaks. */
const UNREACHABLE: Endpoint = { host: 'localhost', port: 0 }

function advertised({ port, advertisedHost, advertisedPort, reachableHost }: ListenerConfig): Endpoint {
  return { host: advertisedHost ?? reachableHost, port: advertisedPort ?? port }
}

interface NodeParts {
  readonly config: NodeConfig
  readonly folder: NodeFolder
  readonly quorum: MetadataQuorum
  readonly refused: Promise<StartupError>
  readonly controllerEndpoint: Endpoint | null
  readonly brokerEndpoint: Endpoint | null
}

function runningNode(env: Env, parts: NodeParts, opened: AsyncDisposableStack): RunningNode {
  const { config, folder, quorum, refused, controllerEndpoint, brokerEndpoint } = parts
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => (closing ??= closeAll(env, opened))
  return {
    nodeId: config.nodeId,
    clusterId: folder.identity.clusterId,
    roles: roleNames(config.roles),
    dataDirectory: config.dataDirectory,
    bootstrap: brokerEndpoint === null ? null : formatEndpoint(brokerEndpoint),
    controllerListener: controllerEndpoint === null ? null : formatEndpoint(controllerEndpoint),
    shards: config.broker?.shards ?? 0,
    quorum,
    refused,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function foreignCluster(own: string, theirs: string): StartupError {
  return new StartupError(
    'CLUSTER_ID_MISMATCH',
    `the controllers belong to cluster ${theirs}, but this data folder to cluster ${own}`,
    'Correct controller.quorum.voters, or choose another folder with --data. A new folder takes the id from ' +
      `controller.quorum.voters as it is now; set cluster.id=${theirs} where the voters have changed since.`,
  )
}
