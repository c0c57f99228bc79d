/**
 * What a broker does now and then without being asked: writing down recovery points and log start offsets, and having
 * retention applied. Two coarse timers; an idle broker writes nothing.
 */
import type { Env, TimerId } from '@millrace/base'
import { DiskError } from '@millrace/base'
import type { BrokerConfig } from '../config.ts'
import type { CheckpointWriter } from './checkpoint-writer.ts'
import type { ShardSlot } from './shard-slot.ts'

export class Housekeeping {
  readonly #env: Pick<Env, 'timers' | 'log'>
  readonly #config: Pick<BrokerConfig, 'checkpointIntervalMs' | 'retentionCheckIntervalMs'>
  readonly #slots: readonly ShardSlot[]
  readonly #checkpoints: CheckpointWriter
  readonly #timers = new Map<() => Promise<void>, TimerId>()

  constructor(
    env: Pick<Env, 'timers' | 'log'>,
    config: Pick<BrokerConfig, 'checkpointIntervalMs' | 'retentionCheckIntervalMs'>,
    slots: readonly ShardSlot[],
    checkpoints: CheckpointWriter,
  ) {
    this.#env = env
    this.#config = config
    this.#slots = slots
    this.#checkpoints = checkpoints
  }

  start(): void {
    this.#schedule(this.#config.checkpointIntervalMs, this.#checkpoint)
    this.#schedule(this.#config.retentionCheckIntervalMs, this.#retain)
  }

  stop(): void {
    for (const timer of this.#timers.values()) this.#env.timers.cancel(timer)
    this.#timers.clear()
  }

  /** Runs `work` again `intervalMs` after it is done, until `stop`. */
  #schedule(intervalMs: number, work: () => Promise<void>): void {
    const timer = this.#env.timers.after(intervalMs, () => {
      void work()
        .catch((error: unknown) =>
          this.#env.log.error({ error }, 'housekeeping failed; it will be tried again'),
        )
        .then(() => {
          if (this.#timers.has(work)) this.#schedule(intervalMs, work)
        })
    })
    this.#timers.set(work, timer)
  }

  readonly #checkpoint = async (): Promise<void> => {
    const reports = await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.checkpoints())))
    if (!this.#checkpoints.note(reports.flatMap((report) => report ?? []))) return
    try {
      await this.#checkpoints.write()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // The older checkpoints stay, from which a restart only has to scan more.
      this.#env.log.warn({ error }, 'the checkpoints could not be written')
    }
  }

  readonly #retain = async (): Promise<void> => {
    await Promise.all(this.#slots.map((slot) => slot.ask((shard) => shard.applyRetention())))
    this.#checkpoints.purge()
  }
}
