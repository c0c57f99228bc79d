/** Logs on a simulated disk, and batches to put into them. */
import { BufferPool, DiskError, seededRng } from '@millrace/base'
import type { Clock, Disk, LeaderEpoch, Log as Logger, Offset, TimestampMs, Uuid } from '@millrace/base'
import { type BuildOptions, RecordBatchBuilder, RecordBatchView } from '@millrace/record'
import { SimDisk, type SimDiskOptions } from '@millrace/sim'
import {
  DEFAULT_LOG_CONFIG,
  Log,
  type LogCheckpoints,
  type LogConfig,
  type LogOptions,
} from '../src/index.ts'

export const TOPIC_ID = 'bWlsbHJhY2UtdGVzdC0xMg' as Uuid
export const DIRECTORY = '/data/flights-0'
export const pool = new BufferPool({ maxPooledBytes: 2 ** 24 })

export const epoch = (value: number) => value as LeaderEpoch
export const offset = (value: number) => value as Offset
export const time = (value: number) => value as TimestampMs

export class TestClock implements Clock {
  monoNow = 1000
  wallNow = 1_700_000_000_000
  monoMs(): number {
    return this.monoNow
  }
  wallMs(): number {
    return this.wallNow
  }
}

/** Keeps what was logged as a warning or an error. */
export class TestLogger implements Logger {
  readonly lines: string[] = []
  debug(): void {}
  info(): void {}
  warn(_fields: object, message: string): void {
    this.lines.push(message)
  }
  error(_fields: object, message: string): void {
    this.lines.push(message)
  }
  child(): Logger {
    return this
  }
}

/** An empty, durable data folder. */
export function simDisk(options: Partial<SimDiskOptions> & { readonly seed?: number } = {}): SimDisk {
  const disk = new SimDisk({ rng: seededRng(options.seed ?? 1), ...options })
  disk.mkdir('/data')
  disk.syncDir('/', () => undefined)
  disk.settle()
  return disk
}

/** Checkpoints that are durable at once, in memory. */
export class TestCheckpoints implements LogCheckpoints {
  recoveryPoint = offset(0)
  logStartOffset: Offset | null = null
  /** Completions wait here while it is set. */
  held: (() => void)[] | null = null
  persistRecoveryPoint(log: Log, done: (error: DiskError | null) => void): void {
    this.#complete(() => {
      this.recoveryPoint = log.recoveryPoint
      done(null)
    })
  }
  persistLogStartOffset(log: Log, done: (error: DiskError | null) => void): void {
    this.#complete(() => {
      this.logStartOffset = log.logStartOffset
      done(null)
    })
  }
  #complete(run: () => void): void {
    if (this.held === null) run()
    else this.held.push(run)
  }
}

/** Small segments and dense indexes, so that few batches reach everything. */
export const SMALL: LogConfig = { ...DEFAULT_LOG_CONFIG, segmentBytes: 4096, indexIntervalBytes: 300 }

export interface OpenOptions extends Partial<Omit<LogOptions, 'config'>> {
  readonly config?: Partial<LogConfig>
}

export function openLog(disk: Disk, options: OpenOptions = {}): Log {
  return Log.open({
    disk,
    clock: new TestClock(),
    directory: DIRECTORY,
    topicId: TOPIC_ID,
    recoveryPoint: offset(0),
    cleanShutdown: false,
    checkpoints: new TestCheckpoints(),
    log: new TestLogger(),
    ...options,
    config: { ...SMALL, ...options.config },
  })
}

export interface BatchOptions extends BuildOptions {
  readonly records?: number
  readonly timestamp?: number
  readonly valueBytes?: number
  readonly text?: string
}

/** One batch of records `text`, with timestamps rising by one. */
export function batch({
  records = 1,
  timestamp = 1_000,
  valueBytes,
  text = 'v',
  ...build
}: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 2 ** 26 })
  const value = valueBytes === undefined ? text : Buffer.alloc(valueBytes, text)
  for (let index = 0; index < records; index++) builder.tryAppend(timestamp + index, null, value)
  return Buffer.from(builder.build(build) as Buffer)
}

/** Appends and writes; @returns the base offset */
export function write(log: Log, bytes: Buffer = batch(), leaderEpoch = 0): number {
  const { baseOffset } = log.append(bytes, epoch(leaderEpoch))
  log.writeStaged()
  return baseOffset
}

/** Flushes and completes. @returns what the flush was answered */
export function flush(log: Log, disk: SimDisk): DiskError | null {
  let answer: DiskError | null | undefined
  log.flush((error) => (answer = error))
  disk.settle()
  if (answer === undefined) throw new Error('the flush was not answered')
  return answer
}

export function close(log: Log, disk: SimDisk): DiskError | null {
  let answer: DiskError | null | undefined
  log.close((error) => (answer = error))
  disk.settle()
  if (answer === undefined) throw new Error('close was not answered')
  return answer
}

export interface FoundBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly epoch: number
  readonly crc: number
}

export interface ReadLimits {
  readonly maxBytes?: number
  readonly endOffset?: number
  readonly atLeastOneBatch?: boolean
  readonly verifyChecksums?: boolean
}

/** One read, as batches. @throws when it was not answered with records */
export function readBatches(log: Log, from: number, limits: ReadLimits = {}): FoundBatch[] {
  const {
    maxBytes = 2 ** 20,
    endOffset = log.logEndOffset,
    atLeastOneBatch = true,
    verifyChecksums = true,
  } = limits
  const read = log.read({
    offset: offset(from),
    maxBytes,
    endOffset: offset(endOffset),
    atLeastOneBatch,
    verifyChecksums,
    pool,
  })
  if (read.kind !== 'ok') throw new Error(`read at ${from}: ${read.kind}`)
  const found: FoundBatch[] = []
  const view = new RecordBatchView(read.records)
  for (let position = 0; position < read.records.length; position = view.end) {
    const { baseOffset, lastOffset, partitionLeaderEpoch, crc } = view.at(read.records, position)
    found.push({ baseOffset, lastOffset, epoch: partitionLeaderEpoch, crc })
  }
  if (read.records.length > 0) read.release()
  return found
}

/** Everything from `from` to the log's end, by as many reads as it takes. */
export function readAll(log: Log, from: number = log.logStartOffset, limits: ReadLimits = {}): FoundBatch[] {
  const found: FoundBatch[] = []
  for (let next = from; next < (limits.endOffset ?? log.logEndOffset);) {
    const batches = readBatches(log, next, limits)
    if (batches.length === 0) break
    found.push(...batches)
    next = batches.at(-1)!.lastOffset + 1
  }
  return found
}

export function baseOffsets(batches: readonly FoundBatch[]): number[] {
  return batches.map(({ baseOffset }) => baseOffset)
}

export function segmentFiles(disk: Disk, suffix = '.log', directory = DIRECTORY): string[] {
  return disk
    .list(directory)
    .map(({ name }) => name)
    .filter((name) => name.endsWith(suffix))
}

/** Calls that a `DiskError` is expected from. */
export function diskErrorOf(run: () => void): DiskError {
  try {
    run()
  } catch (error) {
    if (error instanceof DiskError) return error
    throw error
  }
  throw new Error('no disk error')
}
