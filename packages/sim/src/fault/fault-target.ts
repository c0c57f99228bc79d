/** What a nemesis does its work on: a world of bare nodes, or a cluster that keeps its own books. */
import type { CrashMode } from '../disk/crash-mode.ts'
import type { SimDisk } from '../disk/sim-disk.ts'
import type { SimClock } from '../kernel/sim-clock.ts'
import type { Network } from '../net/network.ts'
import type { World } from '../world/world.ts'

export interface FaultTarget {
  readonly network: Network
  /** All machines that faults may hit. */
  readonly nodes: readonly string[]
  /** The machine of the quorum's leader; null while there is none. */
  leader(): string | null
  isUp(node: string): boolean
  /** No effect on a running node. */
  start(node: string): void
  kill(node: string): void
  /** SIGTERM. @param onStopped when the process has ended */
  stop(node: string, onStopped: () => void): void
  wipe(node: string): void
  powerCut(node: string, mode: CrashMode): void
  /** @param onCut when it has happened */
  powerCutAtWrite(node: string, changes: number, mode: CrashMode, onCut: () => void): void
  pause(node: string): void
  resume(node: string): void
  setEventMs(node: string, eventMs: number): void
  clock(node: string): SimClock
  disk(node: string): SimDisk
}

/** Bare nodes: the leader is nobody, and to stop is to die. */
export function worldTarget(world: World, leader: () => string | null = () => null): FaultTarget {
  return {
    network: world.network,
    get nodes() {
      return world.nodes.map(({ name }) => name)
    },
    leader,
    isUp: (node) => world.node(node).isAlive,
    start: (node) => world.node(node).restart(),
    kill: (node) => world.node(node).kill(),
    stop(node, onStopped) {
      world.node(node).kill()
      onStopped()
    },
    wipe: (node) => world.node(node).wipe(),
    powerCut: (node, mode) => world.node(node).powerCut(mode),
    powerCutAtWrite: (node, changes, mode, onCut) => world.node(node).powerCutAtWrite(changes, mode, onCut),
    pause: (node) => world.node(node).pause(),
    resume: (node) => world.node(node).resume(),
    setEventMs: (node, eventMs) => world.node(node).setEventMs(eventMs),
    clock: (node) => world.node(node).clock,
    disk: (node) => world.node(node).disk,
  }
}
