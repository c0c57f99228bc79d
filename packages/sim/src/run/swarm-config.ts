/**
 * What kind of cluster, load and trouble a seed stands for. Each seed leaves most of what can happen out: some bugs show
 * only when other faults are absent (swarm testing).
 */
import { type Rng, seededRng } from '@millrace/base'
import type { FaultKind } from '../fault/fault-event.ts'
import { swarmKinds } from '../fault/fault-plan.ts'

export interface SwarmConfig {
  readonly controllers: 1 | 3 | 5
  readonly brokers: number
  /** Controllers are brokers too, as far as there are brokers. */
  readonly isCombined: boolean
  /** Of the quorum's and the sessions' timeouts. */
  readonly timeoutFactor: number
  readonly flushPolicy: 'commit' | 'os'
  /** Of the metadata log. */
  readonly segmentBytes: number
  readonly snapshotBytes: number
  readonly snapshotIntervalMs: number
  readonly autoJoin: boolean
  readonly latencyMs: number
  readonly jitterMs: number
  /** Syncs take up to this long; one in 100 up to `syncStallMs`. */
  readonly syncMs: number
  readonly syncStallMs: number
  /** One read or write in so many is short; 0: none. */
  readonly shortOneIn: number
  readonly load: LoadConfig
  readonly faults: FaultConfig
  /** Length of the first phase. */
  readonly chaosMs: number
}

export interface LoadConfig {
  readonly admins: number
  readonly producers: number
  /** Operations, of all clients together. */
  readonly operations: number
  /** Names that topics are created and deleted under. */
  readonly topicNames: number
  /** Topics that only producers and readers use. */
  readonly dataTopics: number
  readonly voterChanges: boolean
  /** Partitions of data topics get other replicas, and the former ones back. */
  readonly reassignments?: boolean
  /** Of producers' batches; their default when left out. A small one puts several of a partition in flight. */
  readonly batchBytesMax?: number
}

interface FaultConfig {
  /** Kinds that this seed may have. */
  readonly kinds: readonly FaultKind[]
  /** Mean virtual time between two faults. */
  readonly everyMs: number
}

/** Not more than a record or two. */
const SMALL_BATCH_BYTES = 100
const CONTROLLERS = [1, 3, 3, 3, 3, 5] as const

export function swarmConfig(seed: number): SwarmConfig {
  const rng = seededRng(seed).fork('swarm')
  const of = (label: string): Rng => rng.fork(label)
  const isSmall = of('small').below(2) === 0
  return {
    controllers: oneOf(of('controllers'), CONTROLLERS),
    brokers: 1 + of('brokers').below(3) + of('more-brokers').below(4),
    isCombined: of('combined').below(4) === 0,
    timeoutFactor: oneOf(of('timeouts'), [0.3, 0.5, 1, 1, 1, 2]),
    flushPolicy: of('flush').below(4) === 0 ? 'os' : 'commit',
    segmentBytes: isSmall ? 1024 + of('segment').below(8192) : 2 ** 30,
    snapshotBytes: of('snapshot').below(2) === 0 ? 2 ** 30 : 200 + of('snapshot-size').below(12_000),
    snapshotIntervalMs: of('interval').below(3) === 0 ? 1000 + of('interval-ms').below(10_000) : 3_600_000,
    autoJoin: of('auto-join').below(4) !== 0,
    latencyMs: oneOf(of('latency'), [0.1, 0.1, 1, 10]),
    jitterMs: oneOf(of('jitter'), [0.1, 0.2, 2, 20]),
    syncMs: oneOf(of('sync'), [1, 4, 4, 30]),
    syncStallMs: oneOf(of('stall'), [50, 125, 1000]),
    shortOneIn: of('short').below(4) === 0 ? 20 : 0,
    load: loadConfig(of('load')),
    faults: faultConfig(of('faults')),
    chaosMs: 10_000 + of('chaos').below(25_000),
  }
}

function loadConfig(rng: Rng): LoadConfig {
  return {
    admins: 1 + rng.fork('admins').below(3),
    producers: rng.fork('producers').below(3),
    operations: 20 + rng.fork('operations').below(100),
    topicNames: 1 + rng.fork('names').below(8),
    dataTopics: 1 + rng.fork('data').below(2),
    voterChanges: rng.fork('voters').below(3) === 0,
    reassignments: rng.fork('reassignments').below(3) === 0,
    ...(rng.fork('batches').below(2) === 0 && { batchBytesMax: SMALL_BATCH_BYTES }),
  }
}

function faultConfig(rng: Rng): FaultConfig {
  const isCalm = rng.fork('calm').below(20) === 0
  const kinds = isCalm ? [] : swarmKinds(rng)
  return { kinds, everyMs: oneOf(rng.fork('every'), [400, 1000, 2500, 5000]) }
}

function oneOf<T>(rng: Rng, choices: readonly T[]): T {
  return choices[rng.below(choices.length)]!
}
