/**
 * Carries out a plan of faults, and undoes what lasts.
 *
 * Owns: what has been done and must be undone. Must not know: how the plan came about. A fault without effect (a dead
 * node is killed, nobody leads) is no error: plans are made before the run, and shrinking takes pieces out of them.
 */
import type { SimEvent } from '../kernel/event-heap.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { EventKind } from '../kernel/trace.ts'
import {
  type ConditionFault,
  type DownFault,
  type FaultEvent,
  type FaultKind,
  LEADER,
  type NetworkFault,
} from './fault-event.ts'
import type { FaultTarget } from './fault-target.ts'
import { flippableBytes } from './flippable-bytes.ts'

interface Undo {
  readonly event: SimEvent
  readonly run: () => void
}

export class Nemesis {
  /** Faults that took effect, by kind. */
  readonly counts = new Map<FaultKind, number>()
  readonly #scheduler: Scheduler
  readonly #target: FaultTarget
  readonly #pending = new Set<SimEvent>()
  readonly #undos = new Set<Undo>()

  constructor(scheduler: Scheduler, target: FaultTarget) {
    this.#scheduler = scheduler
    this.#target = target
  }

  /** Before the run starts, or in the middle of it: faults whose time is over strike at once. */
  schedule(plan: readonly FaultEvent[]): void {
    for (const fault of plan) {
      const delayMs = fault.atMs - this.#scheduler.nowMs
      const event = this.#scheduler.schedule(delayMs, EventKind.fault, null, () => {
        this.#pending.delete(event)
        this.strike(fault)
      })
      this.#pending.add(event)
    }
  }

  /** No more faults: what waits is dropped, what lasts is undone. Nodes that are down stay down. */
  stop(): void {
    for (const event of this.#pending) this.#scheduler.cancel(event)
    this.#pending.clear()
    for (const undo of this.#undos) {
      this.#scheduler.cancel(undo.event)
      undo.run()
    }
    this.#undos.clear()
    const { network, nodes } = this.#target
    network.healAll()
    for (const node of nodes) {
      this.#target.resume(node)
      this.#target.setEventMs(node, 0)
      this.#target.disk(node).heal()
    }
  }

  strike(fault: FaultEvent): void {
    if (!this.#strike(fault)) return
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1)
    const { trace, nowMs } = this.#scheduler
    if (trace.isRecording) trace.line(nowMs, EventKind.fault, null, JSON.stringify(fault))
  }

  /** @returns whether it had an effect */
  #strike(fault: FaultEvent): boolean {
    switch (fault.kind) {
      case 'kill':
      case 'stop':
      case 'wipe':
      case 'power-cut':
      case 'power-cut-at-write':
      case 'power-cut-all':
      case 'bit-flip':
        return this.#strikeDown(fault)
      case 'cut':
      case 'cut-one-way':
      case 'isolate':
      case 'isolate-leader':
      case 'clog':
      case 'slow-link':
      case 'reset':
      case 'half-open':
        return this.#strikeNetwork(fault)
      default:
        return this.#strikeCondition(fault)
    }
  }

  /* ------------------------------------------------------------ processes and machines */

  #strikeDown(fault: DownFault): boolean {
    const target = this.#target
    if (fault.kind === 'power-cut-all') {
      for (const node of fault.nodes) {
        target.powerCut(node, fault.mode)
        this.#startLater(node, fault.downMs)
      }
      return true
    }
    const node = this.#resolve(fault.node)
    if (node === null || (!target.isUp(node) && fault.kind !== 'wipe')) return false
    const later = (): void => this.#startLater(node, fault.downMs)
    switch (fault.kind) {
      case 'stop':
        target.stop(node, later)
        return true
      case 'power-cut-at-write':
        target.powerCutAtWrite(node, fault.changes, fault.mode, later)
        return true
      case 'kill':
        target.kill(node)
        break
      case 'wipe':
        target.wipe(node)
        break
      case 'power-cut':
        target.powerCut(node, fault.mode)
        break
      case 'bit-flip':
        target.kill(node)
        this.#flipBit(node, fault.file, fault.where)
        break
    }
    later()
    return true
  }

  #startLater(node: string, downMs: number): void {
    const event = this.#scheduler.schedule(downMs, EventKind.fault, null, () => {
      this.#pending.delete(event)
      this.#target.start(node)
    })
    this.#pending.add(event)
  }

  #flipBit(node: string, file: number, where: number): void {
    const disk = this.#target.disk(node)
    const files = disk
      .files()
      .map((path) => ({ path, size: flippableBytes(disk, path) }))
      .filter(({ size }) => size > 0)
    if (files.length === 0) return
    const { path, size } = files[file % files.length]!
    disk.flipBit(path, Math.floor(where / 8) % size, where % 8)
  }

  #strikeCondition(fault: ConditionFault): boolean {
    const target = this.#target
    const node = this.#resolve(fault.node)
    if (node === null) return false
    const disk = target.disk(node)
    switch (fault.kind) {
      case 'pause':
        target.pause(node)
        this.#undoLater(fault.durationMs, () => target.resume(node))
        break
      case 'slow-cpu':
        target.setEventMs(node, fault.eventMs)
        this.#undoLater(fault.durationMs, () => target.setEventMs(node, 0))
        break
      case 'slow-disk':
        disk.setSlow(fault.latencyMs)
        this.#undoLater(fault.durationMs, () => disk.setSlow(0))
        break
      case 'short-io':
        disk.setShort(fault.oneIn)
        this.#undoLater(fault.durationMs, () => disk.setShort(null))
        break
      case 'disk-full':
        disk.setCapacity(disk.usedBytes() + fault.freeBytes)
        this.#undoLater(fault.durationMs, () => disk.setCapacity(null))
        break
      case 'sync-error':
        disk.fail({ operation: 'sync', code: 'EIO' })
        break
      case 'io-error':
        disk.fail({ operation: fault.operation, code: 'EIO', after: fault.after })
        break
      case 'wall-jump':
        target.clock(node).jumpWall(fault.deltaMs)
        break
      case 'clock-drift':
        target.clock(node).setRate(fault.rate)
        break
    }
    return true
  }

  /* ------------------------------------------------------------ the network */

  #strikeNetwork(fault: NetworkFault): boolean {
    const { network } = this.#target
    switch (fault.kind) {
      case 'isolate':
      case 'isolate-leader': {
        const node = this.#resolve(fault.kind === 'isolate' ? fault.node : LEADER)
        if (node === null) return false
        const others = this.#target.nodes.filter((other) => other !== node)
        this.#cut(pairs([node], others, true), fault.durationMs)
        return true
      }
      case 'cut':
      case 'cut-one-way':
        this.#cut(pairs(fault.from, fault.to, fault.kind === 'cut'), fault.durationMs)
        return true
      case 'clog':
        for (const [from, to] of pairs(fault.from, fault.to, false)) network.clog(from, to, fault.durationMs)
        return true
      case 'slow-link': {
        const links = pairs(fault.from, fault.to, true)
        const { latencyMs } = fault
        for (const [from, to] of links) network.setDelay(from, to, { latencyMs, jitterMs: latencyMs / 4 })
        this.#undoLater(fault.durationMs, () => {
          for (const [from, to] of links) network.setDelay(from, to, null)
        })
        return true
      }
      case 'reset':
        for (const [a, b] of pairs(fault.from, fault.to, false)) network.reset(a, b)
        return true
      case 'half-open':
        for (const [a, b] of pairs(fault.from, fault.to, false)) network.resetOneSide(a, b)
        return true
    }
  }

  #cut(links: readonly (readonly [string, string])[], durationMs: number): void {
    const { network } = this.#target
    for (const [from, to] of links) network.cut(from, to)
    this.#undoLater(durationMs, () => {
      for (const [from, to] of links) network.heal(from, to)
    })
  }

  #undoLater(delayMs: number, run: () => void): void {
    const event = this.#scheduler.schedule(delayMs, EventKind.fault, null, () => {
      this.#undos.delete(undo)
      run()
    })
    const undo: Undo = { event, run }
    this.#undos.add(undo)
  }

  #resolve(node: string): string | null {
    return node === LEADER ? this.#target.leader() : node
  }
}

/** Directed pairs of different nodes. */
function pairs(
  from: readonly string[],
  to: readonly string[],
  bothWays: boolean,
): readonly (readonly [string, string])[] {
  return from.flatMap((a) =>
    to
      .filter((b) => b !== a)
      .flatMap((b) => (bothWays ? [[a, b] as const, [b, a] as const] : [[a, b] as const])),
  )
}
