/**
 * What the log costs: node --conditions=source packages/storage/test/bench/log.ts [GB]
 *
 * One thread, the operating system's disk in a temporary folder, everything in the page cache: limits of the code. The
 * raw `pwritev` beside an append is the same write to the same kind of file without a log.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BufferPool,
  type Clock,
  type Disk,
  type LeaderEpoch,
  type Log as Logger,
  type Offset,
  type Uuid,
} from '@millrace/base'
import { nodeDisk } from '@millrace/base/node'
import { RecordBatchBuilder } from '@millrace/record'
import { DEFAULT_LOG_CONFIG, Log, type LogCheckpoints } from '../../src/index.ts'

const LOG_GB = Number(process.argv[2] ?? 3)
const APPENDS = 200_000
const ROUNDS = 5
const GB = 1e9
const TOPIC_ID = 'bWlsbHJhY2UtdGVzdC0xMg' as Uuid
const EPOCH = 0 as LeaderEpoch

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => console.error(message, fields),
  child: () => silent,
}
const clock: Clock = { monoMs: () => performance.now(), wallMs: () => Date.now() }
const checkpoints: LogCheckpoints = {
  persistRecoveryPoint: (_log, done) => queueMicrotask(() => done(null)),
  persistLogStartOffset: (_log, done) => queueMicrotask(() => done(null)),
}

function open(disk: Disk, directory: string, cleanShutdown: boolean, recoveryPoint = 0): Log {
  return Log.open({
    disk,
    clock,
    directory,
    topicId: TOPIC_ID,
    config: DEFAULT_LOG_CONFIG,
    recoveryPoint: recoveryPoint as Offset,
    cleanShutdown,
    checkpoints,
    log: silent,
  })
}

function close(log: Log): Promise<void> {
  return new Promise((resolve, reject) => log.close((error) => (error === null ? resolve() : reject(error))))
}

function batchOf(bytes: number): Buffer {
  const builder = new RecordBatchBuilder({ maxBytes: 2 * bytes })
  const value = Buffer.alloc(100, 'x')
  while (builder.sizeInBytes + 110 <= bytes || builder.recordCount === 0)
    builder.tryAppend(Date.now(), null, value)
  return Buffer.from(builder.build() as Buffer)
}

function elapsedMs(run: () => void): number {
  const start = performance.now()
  run()
  return performance.now() - start
}

function best(measure: () => number): number {
  return Math.min(...Array.from({ length: ROUNDS }, measure))
}

function print(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(46)} ${value.toFixed(2).padStart(9)} ${unit}`)
}

async function benchAppend(root: string, disk: Disk): Promise<void> {
  const bytes = batchOf(1024)
  const rawUs = best(() => {
    const path = join(root, 'raw')
    const file = disk.open(path, 'create')
    const ms = elapsedMs(() => {
      for (let index = 0; index < APPENDS; index++) disk.pwritev(file, [bytes], index * bytes.length)
    })
    disk.close(file)
    disk.unlink(path)
    return (ms * 1000) / APPENDS
  })
  const logUs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const directory = join(root, `append-${round}`)
    const log = open(disk, directory, false)
    const ms = elapsedMs(() => {
      for (let index = 0; index < APPENDS; index++) {
        log.append(bytes, EPOCH)
        log.writeStaged()
      }
    })
    logUs.push((ms * 1000) / APPENDS)
    await close(log)
    rmSync(directory, { recursive: true })
  }
  print(`pwritev, ${bytes.length} B`, rawUs, 'µs')
  print(`append + writeStaged, one batch of ${bytes.length} B`, Math.min(...logUs), 'µs')
  print('  over the raw write', Math.min(...logUs) - rawUs, 'µs')
}

async function fill(disk: Disk, directory: string): Promise<number> {
  const log = open(disk, directory, false)
  const bytes = batchOf(16 * 1024)
  while (log.sizeBytes < LOG_GB * GB) {
    for (let index = 0; index < 16; index++) log.append(Buffer.from(bytes), EPOCH)
    log.writeStaged()
  }
  const { sizeBytes } = log
  await close(log)
  return sizeBytes
}

async function benchTailRead(disk: Disk, directory: string): Promise<void> {
  const log = open(disk, directory, true)
  const pool = new BufferPool({ maxPooledBytes: 2 ** 26 })
  const us = best(() => {
    const batch = batchOf(1024)
    let ms = 0
    for (let index = 0; index < APPENDS / 10; index++) {
      const { baseOffset } = log.append(batch, EPOCH)
      log.writeStaged()
      ms += elapsedMs(() => {
        const read = log.read({
          offset: baseOffset,
          maxBytes: 2 ** 20,
          endOffset: log.logEndOffset,
          atLeastOneBatch: true,
          pool,
        })
        if (read.kind === 'ok') read.release()
      })
    }
    return (ms * 1000) / (APPENDS / 10)
  })
  print('read of the last batch, 1 KB', us, 'µs')
  await close(log)
}

async function benchRead(disk: Disk, directory: string): Promise<void> {
  const log = open(disk, directory, true)
  const pool = new BufferPool({ maxPooledBytes: 2 ** 26 })
  const bytesMax = Math.min(log.sizeBytes, GB)
  const gbPerSecond =
    1 /
    best(() => {
      let bytes = 0
      const ms = elapsedMs(() => {
        for (let offset = log.logStartOffset; bytes < bytesMax;) {
          const read = log.read({
            offset,
            maxBytes: 2 ** 20,
            endOffset: log.logEndOffset,
            atLeastOneBatch: true,
            pool,
          })
          if (read.kind !== 'ok' || read.records.length === 0) break
          bytes += read.records.length
          // The next offset stands in the last batch's header; the batches are all alike.
          offset = (offset + (read.records.length / batchBytes) * recordsPerBatch) as Offset
          read.release()
        }
      })
      return ms / 1000 / (bytes / GB)
    })
  print('sequential read, 1 MiB a call', gbPerSecond, 'GB/s')
  await close(log)
}

const batchBytes = batchOf(16 * 1024).length
const recordsPerBatch = batchOf(16 * 1024).readInt32BE(57)

async function benchOpen(disk: Disk, directory: string, sizeBytes: number): Promise<void> {
  const cleanMs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let log!: Log
    cleanMs.push(elapsedMs(() => (log = open(disk, directory, true))))
    await close(log)
  }
  print(`clean open of ${(sizeBytes / GB).toFixed(1)} GB`, Math.min(...cleanMs), 'ms')
  let log!: Log
  const scanMs = elapsedMs(() => (log = open(disk, directory, false)))
  await close(log)
  print('unclean open, everything above the recovery point', scanMs / 1000 / (sizeBytes / GB), 's/GB')
}

const root = mkdtempSync(join(tmpdir(), 'millrace-log-bench-'))
try {
  const disk = nodeDisk()
  await benchAppend(root, disk)
  const directory = join(root, 'large-0')
  const sizeBytes = await fill(disk, directory)
  await benchRead(disk, directory)
  await benchOpen(disk, directory, sizeBytes)
  await benchTailRead(disk, directory)
} finally {
  rmSync(root, { recursive: true })
}
