/**
 * What must hold in every run, checked as it happens, in constant time per effect. The ghost state (who led which epoch, which
 * batch is where, what is committed) is what no replica of a real cluster could know.
 */
import { NO_NODE, type NodeId } from '@millrace/base'
import type { RaftEffect } from '../../src/index.ts'
import { type Batch, chain } from './disk.ts'
import type { Driver } from './driver.ts'

interface Placed {
  readonly value: number
  /** Epoch of the batch before it: with log matching by induction, the whole log before it. */
  readonly previousEpoch: number
}

export class Checker {
  /** End of what any replica has known to be committed. */
  committedEndOffset = 0
  leaders = 0
  readonly #leaderOfEpoch = new Map<number, NodeId>()
  readonly #placed = new Map<number, Placed>()
  /** By base offset. */
  readonly #committed = new Map<number, Batch>()
  /** By end offset: of all committed batches up to there. */
  readonly #hashes = new Map<number, number>([[0, 0]])
  readonly #highWatermarks = new Map<Driver, number>()
  readonly #epochs = new Map<Driver, number>()

  /** Before the effect is carried out. */
  observe(driver: Driver, effect: RaftEffect): void {
    switch (effect.kind) {
      case 'leadership': {
        const { epoch, leaderId } = effect.leadership
        if (epoch < (this.#epochs.get(driver) ?? 0)) throw new Error(`${driver.id}: the epoch fell`)
        this.#epochs.set(driver, epoch)
        if (leaderId !== NO_NODE && leaderId !== driver.id) this.#leads(leaderId, epoch)
        return
      }
      case 'append-fetched':
        this.#match(driver, effect.records.data as readonly Batch[])
        return
      case 'high-watermark':
        return this.#commit(driver, effect.offset)
      case 'truncate':
        if (driver.node?.role === 'leader') throw new Error('a leader truncated its log')
        return
      default:
    }
  }

  /** A leader's own batch, before it is in its log. */
  place(driver: Driver, batch: Batch): void {
    if (!this.#leaderOfEpoch.has(batch.epoch)) this.#isComplete(driver)
    this.#leads(driver.id, batch.epoch)
    this.#match(driver, [batch])
  }

  forget(driver: Driver): void {
    this.#highWatermarks.delete(driver)
    this.#epochs.delete(driver)
  }

  /** A restart: what was in memory only may be lost; the disk is checked where it is written. */
  restarted(driver: Driver): void {
    this.forget(driver)
  }

  /** What a replica has applied is the same as what anybody applied up to there. */
  checkApplied(driver: Driver): void {
    const expected = this.#hashes.get(driver.appliedOffset)
    if (expected === undefined) throw new Error(`${driver.id} applied what is not committed`)
    if (expected !== driver.appliedHash) throw new Error(`${driver.id} applied something else`)
  }

  /** Election safety, Raft thesis §3.2. */
  #leads(id: NodeId, epoch: number): void {
    const known = this.#leaderOfEpoch.get(epoch)
    if (known === undefined) this.leaders += 1
    else if (known !== id) throw new Error(`${known} and ${id} both lead epoch ${epoch}`)
    this.#leaderOfEpoch.set(epoch, id)
  }

  /** Leader completeness, Raft thesis §3.6.3: the last committed batch implies, by log matching, all before it. */
  #isComplete(driver: Driver): void {
    const { disk } = driver
    const end = this.committedEndOffset
    if (disk.logEndOffset < end) throw new Error(`leader ${driver.id} ends before what is committed`)
    if (end <= disk.logStartOffset) return
    const batch = disk.at(end - 1)
    const committed = batch === undefined ? undefined : this.#committed.get(batch.baseOffset)
    if (batch?.value !== committed?.value) throw new Error(`leader ${driver.id} has not what is committed`)
  }

  /** Log matching, Raft thesis §3.5. */
  #match({ disk }: Driver, batches: readonly Batch[]): void {
    let previousEpoch = disk.log.at(-1)?.epoch ?? disk.snapshot?.epoch ?? 0
    for (const { baseOffset, epoch, value } of batches) {
      const key = epoch * 2 ** 32 + baseOffset
      const known = this.#placed.get(key)
      if (known === undefined) this.#placed.set(key, { value, previousEpoch })
      else if (known.value !== value || known.previousEpoch !== previousEpoch) {
        throw new Error(`two logs differ before ${baseOffset} of epoch ${epoch}`)
      }
      previousEpoch = epoch
    }
  }

  #commit(driver: Driver, offset: number): void {
    const { id, disk } = driver
    const last = this.#highWatermarks.get(driver) ?? 0
    if (offset <= last) throw new Error(`${id}: the high watermark fell from ${last} to ${offset}`)
    this.#highWatermarks.set(driver, offset)
    let index = disk.indexOf(Math.max(last, disk.logStartOffset))
    for (; index < disk.log.length && disk.log[index]!.lastOffset < offset; index += 1) {
      const batch = disk.log[index]!
      const known = this.#committed.get(batch.baseOffset)
      if (known !== undefined && known.value !== batch.value) {
        throw new Error(`committed batch ${batch.baseOffset} changed`)
      }
      if (known !== undefined) continue
      if (batch.baseOffset !== this.committedEndOffset) throw new Error('a committed batch was skipped')
      this.#committed.set(batch.baseOffset, batch)
      const hash = chain(this.#hashes.get(batch.baseOffset)!, batch.value)
      this.committedEndOffset = batch.lastOffset + 1
      this.#hashes.set(this.committedEndOffset, hash)
    }
  }
}
