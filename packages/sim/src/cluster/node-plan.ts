/** Which nodes a simulated cluster has, and how each is configured. */
import { type LoadedConfig, loadConfig } from '@millrace/server'
import type { SwarmConfig } from '../run/swarm-config.ts'

export interface NodePlan {
  readonly id: number
  /** Of its machine. */
  readonly name: string
  readonly isController: boolean
  readonly isBroker: boolean
  readonly settings: Readonly<Record<string, string>>
}

export const DATA_FOLDER = '/data'
/** The key that says when a record counts as acknowledged. */
export const FLUSH_POLICY = 'flush.policy'
const BROKER_PORT = 9092
const CONTROLLER_PORT = 9093
const FIRST_CONTROLLER = 101

export type ClusterShape = Omit<SwarmConfig, 'load' | 'faults' | 'chaosMs'> & {
  /** Default: the broker's own. */
  readonly producerIdExpirationMs?: number
}

export function nodePlans(shape: ClusterShape): NodePlan[] {
  const { controllers, brokers, isCombined } = shape
  const roles: Pick<NodePlan, 'id' | 'isController' | 'isBroker'>[] = []
  for (let i = 0; i < controllers; i += 1) {
    const isBroker = isCombined && i < brokers
    roles.push({ id: isBroker ? i + 1 : FIRST_CONTROLLER + i, isController: true, isBroker })
  }
  for (let i = isCombined ? controllers : 0; i < brokers; i += 1) {
    roles.push({ id: i + 1, isController: false, isBroker: true })
  }
  const voters = roles
    .filter(({ isController }) => isController)
    .map(({ id }) => `${id}@${machineOf(id)}:${CONTROLLER_PORT}`)
  return roles.map((role) => {
    const name = machineOf(role.id)
    return { ...role, name, settings: { ...common(shape), ...own(role, name, voters) } }
  })
}

/** Read before the simulation begins: configuration comes from files, in time that is not simulated. */
export function loadPlan({ settings }: NodePlan): Promise<LoadedConfig> {
  const flags = Object.entries(settings).map(([key, value]) => ({ key, value, origin: 'simulation' }))
  return loadConfig({ flags })
}

export function bootstrapOf(plans: readonly NodePlan[]): string {
  return plans
    .filter(({ isBroker }) => isBroker)
    .map(({ name }) => `${name}:${BROKER_PORT}`)
    .join(',')
}

function machineOf(id: number): string {
  return `n${id}`
}

function own(
  { id, isController, isBroker }: Pick<NodePlan, 'id' | 'isController' | 'isBroker'>,
  name: string,
  voters: readonly string[],
): Record<string, string> {
  const listeners = [
    ...(isBroker ? [`PLAINTEXT://${name}:${BROKER_PORT}`] : []),
    ...(isController ? [`CONTROLLER://${name}:${CONTROLLER_PORT}`] : []),
  ]
  const roles = [...(isBroker ? ['broker'] : []), ...(isController ? ['controller'] : [])]
  return {
    'node.id': String(id),
    'process.roles': roles.join(','),
    'controller.quorum.voters': voters.join(','),
    listeners: listeners.join(','),
  }
}

function common(shape: ClusterShape): Record<string, string> {
  const { timeoutFactor, segmentBytes, snapshotBytes, snapshotIntervalMs, autoJoin, flushPolicy } = shape
  const scaled = (ms: number): string => String(Math.round(ms * timeoutFactor))
  return {
    'log.dirs': DATA_FOLDER,
    'allow.insecure': 'true',
    shards: '0',
    'codec.threads': '0',
    'num.recovery.threads.per.data.dir': '0',
    [FLUSH_POLICY]: flushPolicy,
    'controller.quorum.fetch.timeout.ms': scaled(1000),
    'controller.quorum.election.timeout.ms': scaled(500),
    'controller.quorum.election.backoff.max.ms': scaled(300),
    'controller.quorum.request.timeout.ms': scaled(1000),
    'controller.quorum.auto.join.enable': String(autoJoin),
    'metadata.log.segment.bytes': String(segmentBytes),
    'metadata.log.max.record.bytes.between.snapshots': String(snapshotBytes),
    'metadata.log.max.snapshot.interval.ms': String(snapshotIntervalMs),
    'broker.session.timeout.ms': scaled(2000),
    'broker.heartbeat.interval.ms': scaled(400),
    'controlled.shutdown.timeout.ms': scaled(5000),
    'initial.broker.registration.timeout.ms': '3600000',
    ...(shape.producerIdExpirationMs !== undefined && {
      'producer.id.expiration.ms': String(shape.producerIdExpirationMs),
    }),
  }
}
