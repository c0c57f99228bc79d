/**
 * Draws a plan of faults. Each kind has a stream of its own and each fault another, so that leaving a kind or a fault
 * out shifts nothing else.
 */
import type { Rng } from '@millrace/base'
import type { CrashMode } from '../disk/crash-mode.ts'
import { DATA_LOSS_KINDS, FAULT_KINDS, LEADER, type FaultEvent, type FaultKind } from './fault-event.ts'
import { shuffled } from './shuffled.ts'

export interface FaultPlanOptions {
  readonly rng: Rng
  /** Machines that may be hit. */
  readonly nodes: readonly string[]
  readonly kinds: readonly FaultKind[]
  readonly startMs: number
  readonly endMs: number
  /** Mean time between two faults, all kinds together. */
  readonly everyMs: number
  /**
   * How many machines may lose data at all; beyond it only unavailability or a reported loss is a right answer.
   */
  readonly dataLossNodesMax: number
}

const CRASH_MODES: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros', 'random']
const TEN_YEARS_MS = 10 * 365.25 * 86_400_000

/** Each kind is in with p = 1/2: some bugs show only while other faults are absent. */
export function swarmKinds(rng: Rng, kinds: readonly FaultKind[] = FAULT_KINDS): FaultKind[] {
  return kinds.filter((kind) => rng.fork(`kind/${kind}`).below(2) === 0)
}

/** @returns faults in order of their time */
export function planFaults(options: FaultPlanOptions): FaultEvent[] {
  const { rng, nodes, kinds, startMs, endMs, everyMs, dataLossNodesMax } = options
  const losers = shuffled(nodes, rng.fork('data-loss')).slice(0, dataLossNodesMax)
  const faults: FaultEvent[] = []
  for (const kind of kinds) {
    const victims = DATA_LOSS_KINDS.has(kind) ? losers : nodes
    if (victims.length === 0) continue
    const stream = rng.fork(`plan/${kind}`)
    const meanMs = everyMs * kinds.length
    for (let i = 0, atMs = startMs; ; i += 1) {
      const draw = stream.fork(`fault/${i}`)
      atMs += 1 + Math.round(-Math.log(1 - draw.u32() / 2 ** 32) * meanMs)
      if (atMs >= endMs) break
      faults.push(materialise(kind, atMs, draw, victims, nodes))
    }
  }
  return faults.toSorted((a, b) => a.atMs - b.atMs)
}

function materialise(
  kind: FaultKind,
  atMs: number,
  rng: Rng,
  victims: readonly string[],
  nodes: readonly string[],
): FaultEvent {
  const leads = rng.fork('leader').below(4) === 0
  const mayBeLeader = leads && !DATA_LOSS_KINDS.has(kind)
  const node = mayBeLeader ? LEADER : oneOf(rng.fork('node'), victims)
  const durationMs = 50 + lasting(rng.fork('duration'))
  const downMs = rng.fork('at-once').below(3) === 0 ? 0 : durationMs
  const mode = oneOf(rng.fork('mode'), CRASH_MODES)
  const own = rng.fork('own')
  switch (kind) {
    case 'kill':
    case 'stop':
    case 'wipe':
      return { atMs, kind, node, downMs }
    case 'power-cut':
      return { atMs, kind, node, downMs, mode }
    case 'power-cut-all':
      return { atMs, kind, nodes, downMs, mode }
    case 'power-cut-at-write':
      return { atMs, kind, node, downMs, mode, changes: own.below(12) }
    case 'bit-flip':
      return { atMs, kind, node, downMs, file: own.u32(), where: own.u32() }
    case 'pause':
    case 'isolate':
      return { atMs, kind, node, durationMs }
    case 'isolate-leader':
      return { atMs, kind, durationMs }
    case 'cut':
    case 'cut-one-way':
    case 'clog':
      return { atMs, kind, ...sides(rng.fork('sides'), nodes), durationMs }
    case 'slow-link':
      return { atMs, kind, ...sides(rng.fork('sides'), nodes), durationMs, latencyMs: 5 + own.below(500) }
    case 'reset':
    case 'half-open':
      return { atMs, kind, ...sides(rng.fork('sides'), nodes) }
    case 'slow-disk':
      return { atMs, kind, node, durationMs, latencyMs: 10 + own.below(2000) }
    case 'short-io':
      return { atMs, kind, node, durationMs, oneIn: 1 + own.below(4) }
    case 'disk-full':
      return { atMs, kind, node, durationMs, freeBytes: own.below(20_000) }
    case 'sync-error':
      return { atMs, kind, node }
    case 'io-error': {
      const operation = oneOf(own, ['pwritev', 'pread', 'truncate', 'open', 'rename', 'syncDir'] as const)
      return { atMs, kind, node, operation, after: own.below(5) }
    }
    case 'slow-cpu':
      return { atMs, kind, node, durationMs, eventMs: 1 + own.below(20) }
    case 'wall-jump': {
      const spanMs = own.below(2) === 0 ? 3_600_000 : TEN_YEARS_MS
      return { atMs, kind, node, deltaMs: Math.round((own.u32() / 2 ** 31 - 1) * spanMs) }
    }
    case 'clock-drift':
      return { atMs, kind, node, rate: 0.95 + own.below(101) / 1000 }
  }
}

/** Most last a few hundred milliseconds to seconds, some a minute. */
function lasting(rng: Rng): number {
  return rng.below([500, 2000, 2000, 8000, 8000, 60_000][rng.below(6)]!)
}

/** One node against another, one against all others, or halves. */
function sides(
  rng: Rng,
  nodes: readonly string[],
): { readonly from: readonly string[]; readonly to: readonly string[] } {
  const order = shuffled(nodes, rng)
  const shape = rng.below(3)
  if (shape === 0) return { from: order.slice(0, 1), to: order.slice(1, 2) }
  const size = shape === 1 ? 1 : Math.max(1, Math.floor(order.length / 2))
  return { from: order.slice(0, size), to: order.slice(size) }
}

function oneOf<T>(rng: Rng, choices: readonly T[]): T {
  return choices[rng.below(choices.length)]!
}
