/**
 * What must hold in every run, checked as it happens (RELIABILITY §2.3, invariants 6 to 12). The ghost state (what was ever
 * committed, what is where) is what no replica of a real cluster could know.
 */
import type { NodeId } from '@millrace/base'
import type { ReplicationEffect } from '../../src/index.ts'
import type { Controller } from './controller.ts'
import type { Entry } from './disk.ts'
import type { Driver, Wait } from './driver.ts'

export class Checker {
  /** By offset: what was below a leader's high watermark at some time. */
  readonly committed: Entry[] = []
  acknowledged = 0
  leaders = 0
  truncations = 0
  readonly #controller: Controller
  readonly #drivers: ReadonlyMap<NodeId, Driver>
  readonly #isCommit: boolean
  readonly #losers: ReadonlySet<NodeId>
  /** By value: who has ever had it, a bit each. */
  readonly #holders = new Map<number, number>()
  readonly #placed = new Map<number, number>()
  readonly #leaderOfEpoch = new Map<number, string>()
  readonly #highWatermarks = new Map<NodeId, number>()
  readonly #starts = new Map<NodeId, number>()

  /** @param losers lost on purpose what they had acknowledged, as few as the promise allows */
  constructor(
    controller: Controller,
    drivers: ReadonlyMap<NodeId, Driver>,
    isCommit: boolean,
    losers: ReadonlySet<NodeId>,
  ) {
    this.#controller = controller
    this.#drivers = drivers
    this.#isCommit = isCommit
    this.#losers = losers
  }

  /** Before the effect is carried out. */
  observe(driver: Driver, effect: ReplicationEffect): void {
    switch (effect.kind) {
      case 'role':
        if (effect.role === 'leader') this.#leads(driver, effect.leaderEpoch)
        if (effect.role === 'stopped') this.forget(driver.id)
        return
      case 'fault':
        throw new Error(`${driver.id}: ${effect.why}`)
      case 'append-fetched':
        this.#match(driver, effect.records.data as readonly Entry[])
        if (effect.records.baseOffset !== driver.disk.endOffset) throw new Error('11: a gap in the log')
        return
      case 'truncate':
        if (effect.reason === 'divergence') this.#cutsNothingCommitted(driver, effect.offset)
        if (effect.reason !== 'empty-epoch') this.truncations += 1
        if (effect.reason === 'damage') this.#mayFall(driver.id, effect.offset)
        return
      case 'restart-log':
        if (effect.offset < driver.disk.endOffset) throw new Error('11: a restart goes back')
        return
      case 'high-watermark':
        return this.#commit(driver, effect.offset)
      case 'release':
        for (const wait of effect.waits) this.#acknowledge(wait as Wait)
        return
      default:
    }
  }

  /** A leader's own records, before they are in its log. */
  place(driver: Driver, entries: readonly Entry[]): void {
    this.#match(driver, entries)
  }

  /** After a step, and after each change of the controller's. */
  check(driver: Driver | undefined): void {
    const { partition, elr, minIsr } = this.#controller
    if (elr.length > 0 && partition.isr.length >= minIsr)
      throw new Error('8: eligible replicas beside an ISR')
    const replica = driver?.replica ?? null
    if (driver === undefined || replica === null || replica.role === 'stopped') return
    if (replica.logStartOffset < (this.#starts.get(driver.id) ?? 0)) throw new Error('11: the log start fell')
    this.#starts.set(driver.id, replica.logStartOffset)
    if (replica.logEndOffset !== driver.disk.endOffset) throw new Error('the core is wrong about the log')
    if (replica.highWatermark < replica.logStartOffset)
      throw new Error('6: committed up to before the log start')
    if (replica.role !== 'leader' || replica.leaderEpoch !== partition.leaderEpoch) return
    if (partition.isr.length < minIsr) return
    const maximal = replica.maximalIsr ?? []
    for (const id of [...partition.isr, ...elr]) {
      if (!maximal.includes(id)) throw new Error(`7: ${id} is in sync, but not in the leader's maximal ISR`)
    }
  }

  /** Every running member of ISR and ELR has what is committed. */
  checkMembers(): void {
    const { partition, elr } = this.#controller
    for (const id of [...partition.isr, ...elr]) {
      const driver = this.#drivers.get(id)
      const replica = driver?.replica ?? null
      if (driver === undefined || replica === null) continue
      // Its log was damaged, and it knows: it will not lead.
      if (driver.disk.damagedFrom !== null || replica.owedEndOffset !== null) continue
      if (this.#controller.broker(id)?.epoch !== driver.brokerEpoch) continue
      if (driver.version?.partition.replicas.includes(id) !== true) continue
      if (!this.#has(driver, this.committed.length - 1)) throw new Error(`8: ${id} lacks what is committed`)
    }
  }

  /** What a consumer sees of this leader. */
  read(driver: Driver): void {
    const { replica, disk } = driver
    if (replica === null || replica.leaderRefusal(replica.leaderEpoch) !== null) return
    for (let at: number = replica.logStartOffset; at < replica.highWatermark; at += 1) {
      if (disk.at(at)?.value !== this.committed[at]?.value) throw new Error(`12: the value at ${at} changed`)
    }
  }

  forget(id: NodeId): void {
    this.#highWatermarks.delete(id)
    this.#starts.delete(id)
  }

  /** It is fetched again from there on. */
  #mayFall(id: NodeId, offset: number): void {
    const last = this.#highWatermarks.get(id) ?? 0
    this.#highWatermarks.set(id, Math.min(last, offset))
  }

  #leads(driver: Driver, epoch: number): void {
    const name = `${driver.id}/${driver.brokerEpoch}`
    const known = this.#leaderOfEpoch.get(epoch)
    if (known !== undefined) throw new Error(`1: ${known} and ${name} both lead epoch ${epoch}`)
    this.#leaderOfEpoch.set(epoch, name)
    this.leaders += 1
    for (let at = driver.disk.startOffset; at < this.committed.length; at += 1) {
      if (driver.disk.at(at)?.value === this.committed[at]!.value) continue
      // A leader of an epoch that is over by now commits nothing.
      if (epoch === this.#controller.partition.leaderEpoch) throw new Error(`3: ${name} leads without ${at}`)
    }
  }

  #match({ id, disk }: Driver, entries: readonly Entry[]): void {
    const offset = disk.endOffset
    entries.forEach(({ epoch, value }, index) => {
      const key = epoch * 2 ** 24 + offset + index
      const known = this.#placed.get(key)
      if (known !== undefined && known !== value)
        throw new Error(`2: two records at ${offset} of epoch ${epoch}`)
      this.#placed.set(key, value)
      this.#holders.set(value, (this.#holders.get(value) ?? 0) | (1 << id))
    })
  }

  #commit(driver: Driver, highWatermark: number): void {
    const { id, disk, replica } = driver
    const last = this.#highWatermarks.get(id)
    if (highWatermark < (last ?? 0)) throw new Error(`6: ${id}: the high watermark fell`)
    this.#highWatermarks.set(id, highWatermark)
    for (let at = Math.max(last ?? 0, disk.startOffset); at < highWatermark; at += 1) {
      const entry = disk.at(at)
      const known = this.committed[at]
      if (known !== undefined && entry !== undefined && known.value !== entry.value) {
        throw new Error(`6: what is committed at ${at} changed`)
      }
      if (known !== undefined) continue
      if (replica!.role !== 'leader') throw new Error(`6: ${id} is ahead of its leader at ${at}`)
      if (at !== this.committed.length) throw new Error('6: a committed record was skipped')
      this.committed.push(entry!)
    }
    this.checkMembers()
  }

  #acknowledge({ endOffset, value }: Wait): void {
    const at = endOffset - 1
    if (this.committed[at]?.value !== value) throw new Error(`10: ${at} is acknowledged, not committed`)
    let holders = 0
    for (const { id, disk } of this.#drivers.values()) {
      const entry = this.#isCommit ? disk.durableAt(at) : disk.at(at)
      const hadIt = this.#losers.has(id) && ((this.#holders.get(value) ?? 0) & (1 << id)) !== 0
      if (entry?.value === value || hadIt) holders += 1
    }
    if (holders < this.#controller.minIsr) throw new Error(`10: ${at} is acknowledged on ${holders} replicas`)
    this.acknowledged += 1
  }

  /** Who is neither in sync nor eligible may follow a leader that has been replaced, by one that committed more. */
  #cutsNothingCommitted({ id, disk }: Driver, offset: number): void {
    const { partition, elr } = this.#controller
    if (!partition.isr.includes(id) && !elr.includes(id)) return
    for (let at = Math.max(offset, disk.startOffset); at < disk.endOffset; at += 1) {
      if (disk.at(at)?.value === this.committed[at]?.value) throw new Error(`9: ${id} cuts ${at}, committed`)
    }
  }

  #has({ disk }: Driver, at: number): boolean {
    if (at < disk.startOffset) return true
    const entry = this.#isCommit ? disk.durableAt(at) : disk.at(at)
    return entry?.value === this.committed[at]?.value
  }
}
