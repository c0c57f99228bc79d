/** Draws the operations of a run from its seed. */
import type { Rng } from '@millrace/base'
import { shuffled } from '../fault/shuffled.ts'
import type { LoadConfig, SwarmConfig } from '../run/swarm-config.ts'
import type { Operation, OperationKind } from './operation.ts'

export interface WorkloadTargets {
  readonly load: LoadConfig
  readonly chaosMs: number
  /** Their ids are 1 to this. */
  readonly brokers: number
  /** Nodes that may lose and get a vote. */
  readonly controllers: readonly number[]
}

type Weights = readonly (readonly [OperationKind, number])[]

const START_MS = 1500
const RETENTION_BASE_MS = 100_000_000_000
const DATA_PARTITIONS = 3
const RECORDS_MAX = 5
const REASSIGNMENTS = 6
const REPLICAS_MAX = 3

const ADMIN_WEIGHTS: Weights = [
  ['create', 8],
  ['delete', 5],
  ['grow', 2],
  ['alter', 4],
  ['list', 2],
]
const VOTER_WEIGHTS: Weights = [
  ['remove-voter', 1],
  ['add-voter', 2],
]

export function adminNames({ admins }: LoadConfig): string[] {
  return Array.from({ length: admins }, (_, i) => `admin${i + 1}`)
}

export function producerNames({ producers }: LoadConfig): string[] {
  return Array.from({ length: producers }, (_, i) => `producer${i + 1}`)
}

function dataTopic(index: number): string {
  return `data${index}`
}

export function planWorkload(rng: Rng, targets: WorkloadTargets): Operation[] {
  const { load, chaosMs, brokers, controllers } = targets
  const factors: number[] = []
  const operations: Operation[] = []
  const admins = adminNames(load)
  const producers = producerNames(load)
  for (let i = 0; i < load.dataTopics && producers.length > 0; i += 1) {
    const base = { id: operations.length, atMs: START_MS + i, client: admins[0]! }
    const replicas = replicasOf(rng.fork(`replicas/${i}`), brokers)
    operations.push({ ...base, kind: 'create', topic: dataTopic(i), partitions: DATA_PARTITIONS, replicas })
    factors.push(replicas)
  }
  const hasVoterChanges = load.voterChanges && controllers.length > 1
  const weights = hasVoterChanges ? [...ADMIN_WEIGHTS, ...VOTER_WEIGHTS] : ADMIN_WEIGHTS
  while (operations.length < load.operations) {
    const id = operations.length
    const draw = rng.fork(`operation/${id}`)
    const atMs = START_MS + draw.below(chaosMs - START_MS)
    const isData = producers.length > 0 && draw.below(2) === 0
    const client = isData ? oneOf(draw, producers) : oneOf(draw, admins)
    const base = { id, atMs, client }
    operations.push(
      isData ? dataOperation(draw, base, load) : adminOperation(draw, base, weights, load, controllers),
    )
  }
  for (let i = 0; load.reassignments === true && factors.length > 0 && i < REASSIGNMENTS; i += 1) {
    const draw = rng.fork(`reassignment/${i}`)
    const base = { id: operations.length, client: admins[0]! }
    operations.push({ ...base, ...reassignment(draw, factors, targets) })
  }
  return operations.sort((a, b) => a.atMs - b.atMs || a.id - b.id)
}

/** There and back at once, within seconds, or there only. @param factors replication factor of each data topic */
function reassignment(rng: Rng, factors: readonly number[], { chaosMs, brokers }: WorkloadTargets) {
  const topic = rng.below(factors.length)
  const ids = Array.from({ length: brokers }, (_, i) => i + 1)
  return {
    kind: 'reassign',
    atMs: START_MS + rng.below(chaosMs - START_MS),
    topic: dataTopic(topic),
    partition: rng.below(DATA_PARTITIONS),
    replicas: shuffled(ids, rng).slice(0, factors[topic]),
    backMs: oneOf(rng, [null, 0, rng.below(200), rng.below(3000)]),
  } as const
}

/** As many as are usual, where there are so many brokers; now and then fewer. */
function replicasOf(rng: Rng, brokers: number): number {
  const most = Math.min(REPLICAS_MAX, brokers)
  return rng.below(4) === 0 ? 1 + rng.below(most) : most
}

type Base = Pick<Operation, 'id' | 'atMs' | 'client'>

function dataOperation(rng: Rng, base: Base, { dataTopics }: LoadConfig): Operation {
  const topic = dataTopic(rng.below(dataTopics))
  if (rng.below(5) === 0) return { ...base, kind: 'read', topic }
  const values = Array.from({ length: 1 + rng.below(RECORDS_MAX) }, (_, i) => `value ${base.id}.${i}`)
  return { ...base, kind: 'produce', topic, partition: rng.below(DATA_PARTITIONS), values }
}

function adminOperation(
  rng: Rng,
  base: Base,
  weights: Weights,
  { topicNames }: LoadConfig,
  controllers: readonly number[],
): Operation {
  const topic = `topic${rng.below(topicNames)}`
  const kind = weighted(rng, weights)
  switch (kind) {
    case 'create':
      return { ...base, kind, topic, partitions: 1 + rng.below(3) }
    case 'grow':
      return { ...base, kind, topic, partitions: 2 + rng.below(5) }
    case 'alter':
      return { ...base, kind, topic, value: String(RETENTION_BASE_MS + base.id) }
    case 'remove-voter':
    case 'add-voter':
      return { ...base, kind, node: oneOf(rng, controllers) }
    case 'list':
      return { ...base, kind }
    default:
      return { ...base, kind: 'delete', topic }
  }
}

function weighted(rng: Rng, weights: Weights): OperationKind {
  let at = rng.below(weights.reduce((sum, [, weight]) => sum + weight, 0))
  for (const [kind, weight] of weights) {
    if (at < weight) return kind
    at -= weight
  }
  return 'list'
}

function oneOf<T>(rng: Rng, choices: readonly T[]): T {
  return choices[rng.below(choices.length)]!
}

/** What a run of this configuration works on. */
export function targetsOf(config: SwarmConfig, controllers: readonly number[]): WorkloadTargets {
  const { load, chaosMs, brokers } = config
  return { load, chaosMs, brokers, controllers }
}
