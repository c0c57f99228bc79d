/**
 * The data folder's checkpoints on behalf of all shards, and what else a shard asks of the folder.
 *
 * Owns: what was written last, so that an idle broker writes nothing. Must not know: shards.
 */
import { DiskError } from '@millrace/base'
import type { Log } from '@millrace/base'
import type { LogDirectory, TopicPartition } from '@millrace/storage'
import type { LogFailure, PartitionCheckpoint, SupervisorCalls } from '../shard/shard-control.ts'

export class CheckpointWriter implements Omit<
  SupervisorCalls,
  | 'controllerRequest'
  | 'alterPartition'
  | 'allocateProducerIds'
  | 'describeConfigs'
  | 'lostFollowers'
  | 'leaderLost'
> {
  readonly #directory: LogDirectory
  readonly #log: Log
  readonly #written = new Map<string, PartitionCheckpoint>()

  constructor(directory: LogDirectory, log: Log) {
    this.#directory = directory
    this.#log = log
  }

  /** Remembers offsets that shards report. @returns whether any is new */
  note(checkpoints: readonly PartitionCheckpoint[]): boolean {
    const news = checkpoints.filter(
      (checkpoint) => !isKnown(checkpoint, this.#written.get(keyOf(checkpoint))),
    )
    for (const checkpoint of news) {
      const known = this.#written.get(keyOf(checkpoint))
      this.#written.set(keyOf(checkpoint), { ...known, ...checkpoint })
      this.#directory.setOffsets(checkpoint, checkpoint)
    }
    return news.length > 0
  }

  /** @throws DiskError */
  async write(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) =>
        this.#directory.checkpoint((error) => (error === null ? resolve() : reject(error))),
      )
    } catch (error) {
      // Everything counts as new again, so that the next round tries once more.
      this.#written.clear()
      throw error
    }
  }

  async saveCheckpoint(checkpoint: PartitionCheckpoint): Promise<void> {
    if (this.note([checkpoint])) await this.write()
  }

  async logFailed(failure: LogFailure): Promise<void> {
    this.#directory.onLogFailed(failure)
  }

  forgetPartition(partition: TopicPartition): Promise<void> {
    this.#written.delete(keyOf(partition))
    return new Promise((resolve, reject) =>
      this.#directory.forget(partition, (error) => (error === null ? resolve() : reject(error))),
    )
  }

  async folderRemoved({ path, delayMs }: { readonly path: string; readonly delayMs: number }): Promise<void> {
    this.#directory.addDeletedFolder(path, delayMs)
  }

  /** Empties folders of partitions that were deleted long enough ago. */
  purge(): void {
    try {
      this.#directory.purge()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#log.warn({ error }, 'a deleted folder could not be emptied; it will be tried again')
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

function isKnown(news: PartitionCheckpoint, known: PartitionCheckpoint | undefined): boolean {
  const { recoveryPoint, logStartOffset, highWatermark, owedEndOffset } = news
  return (
    known !== undefined &&
    recoveryPoint === known.recoveryPoint &&
    logStartOffset === known.logStartOffset &&
    (highWatermark === undefined || highWatermark === known.highWatermark) &&
    (owedEndOffset === undefined || owedEndOffset === known.owedEndOffset)
  )
}
