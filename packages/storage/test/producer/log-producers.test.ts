/**
 * What a log remembers of producers is what its batches say (trap 45), after any appends, rolls, truncations, failed
 * writes, retention, clean and unclean stops.
 */
import { assert, type Rng, seededRng } from '@millrace/base'
import { RecordBatchView } from '@millrace/record'
import { type CrashMode, SimDisk } from '@millrace/sim'
import { describe, expect, test } from 'vitest'
import { type Log, LogDirectory, type ProducerEntry } from '../../src/index.ts'
import { entryAfter } from '../../src/producer/producer-entry.ts'
import {
  batch,
  close,
  DIRECTORY,
  diskErrorOf,
  epoch,
  flush,
  offset,
  openLog,
  segmentFiles,
  simDisk,
  SMALL,
  TestClock,
  TestCheckpoints,
  TestLogger,
  TOPIC_ID,
  write,
} from '../rig.ts'

const SEEDS = 300
const STEPS = 60
const FOLDER = '/data/logs/flights-0'
const MODES: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros', 'random']

type Known = Omit<ProducerEntry, 'lastSeenMs'>

/** Without what depends on the time of opening. */
function known(entries: Iterable<ProducerEntry>): Known[] {
  return [...entries]
    .map(({ lastSeenMs: _, ...entry }) => entry)
    .toSorted((a, b) => a.producerId - b.producerId)
}

function replay(batches: readonly Sent[]): Known[] {
  const entries = new Map<number, ProducerEntry>()
  for (const { bytes } of batches) {
    const view = new RecordBatchView(bytes)
    if (view.producerId < 0) continue
    entries.set(view.producerId, entryAfter(entries.get(view.producerId), view, 0))
  }
  return known(entries.values())
}

interface Sent {
  readonly bytes: Buffer
  readonly lastOffset: number
}

class Run {
  readonly #rng: Rng
  readonly #disk: SimDisk
  readonly #clock = new TestClock()
  #directory!: LogDirectory
  #log!: Log
  /** Every batch of the log as it is, those before its start as well. */
  #batches: Sent[] = []
  /** Snapshots may be missing: what only they told of batches before the log's start is lost in a truncation then. */
  #lacksSnapshots = false
  #epoch = 0
  readonly #sequences = new Map<number, number>()

  constructor(seed: number) {
    this.#rng = seededRng(seed).fork('work')
    this.#disk = new SimDisk({ rng: seededRng(seed).fork('disk') })
    this.#disk.mkdir('/data')
    this.#disk.syncDir('/', () => undefined)
    this.#disk.settle()
    this.#open()
  }

  steps(count: number): void {
    for (let step = 0; step < count; step++) this.#step()
    this.#crash()
  }

  #step(): void {
    const dice = this.#rng.below(100)
    if (dice < 60) this.#append()
    else if (dice < 72) this.#flush()
    else if (dice < 76) this.#directory.checkpoint((error) => assert(error === null, 'checkpoint'))
    else if (dice < 84) this.#truncate()
    else if (dice < 88) this.#retain()
    else if (dice < 90) this.#damageSnapshot()
    else if (dice < 95) this.#crash()
    else this.#restart()
    this.#compare()
  }

  #append(): void {
    const producerId = this.#rng.below(5) - 1
    const records = 1 + this.#rng.below(3)
    const sequence = this.#sequences.get(producerId) ?? 0
    this.#sequences.set(producerId, sequence + records)
    const bytes = batch({
      records,
      valueBytes: this.#rng.below(400),
      ...(producerId >= 0 && { producerId, producerEpoch: this.#rng.below(2), baseSequence: sequence }),
    })
    const { lastOffset } = this.#log.append(bytes, epoch(this.#epoch))
    this.#log.writeStaged()
    this.#batches.push({ bytes, lastOffset })
  }

  #flush(): void {
    this.#log.flush((error) => expect(error).toBeNull())
    if (this.#rng.below(3) > 0) this.#disk.settle()
  }

  #truncate(): void {
    const { logStartOffset, logEndOffset } = this.#log
    const cut = logStartOffset + this.#rng.below(logEndOffset - logStartOffset + 2)
    this.#log.truncateTo(offset(cut))
    this.#batches = this.#batches.filter(({ lastOffset }) => lastOffset < cut)
    // Without any batch there may be none of the log that it was.
    if (this.#log.sizeBytes === 0) this.#lacksSnapshots = true
    this.#epoch++
    this.#flush()
    this.#disk.settle()
  }

  #retain(): void {
    this.#disk.settle()
    this.#log.updateConfig({ ...SMALL, retentionBytes: 1500 })
    this.#clock.monoNow += 100_000
    this.#log.applyRetention(0, this.#log.recoveryPoint)
    this.#log.updateConfig(SMALL)
  }

  #damageSnapshot(): void {
    this.#close()
    const name = segmentFiles(this.#disk, '.snapshot', FOLDER).at(-1)
    if (name === undefined) return this.#open()
    this.#disk.replaceAtRest(`${FOLDER}/${name}`, (bytes) => bytes.subarray(0, bytes.length - 1))
    this.#open()
    this.#lacksSnapshots = true
  }

  #crash(): void {
    const mode = MODES[this.#rng.below(MODES.length)]!
    this.#disk.crash({ mode })
    this.#open()
    this.#batches = this.#batches.filter(({ lastOffset }) => lastOffset < this.#log.logEndOffset)
    this.#lacksSnapshots = true
  }

  #restart(): void {
    this.#close()
    this.#open()
  }

  #close(): void {
    this.#disk.settle()
    let closed = false
    this.#directory.close(1, (error) => (closed = error === null))
    this.#disk.settle()
    expect(closed).toBe(true)
    this.#disk.crash({ mode: 'none' })
  }

  #open(): void {
    let opened: LogDirectory | null = null
    LogDirectory.open(
      { disk: this.#disk, clock: this.#clock, path: '/data/logs', log: new TestLogger(), onFailed: () => {} },
      (_error, directory) => (opened = directory),
    )
    this.#disk.settle()
    this.#directory = opened!
    this.#log = this.#directory.openLog({ topic: 'flights', partition: 0, topicId: TOPIC_ID, config: SMALL })
  }

  #compare(): void {
    const { logStartOffset } = this.#log
    const found = known(this.#log.producers)
    const whole = replay(this.#batches)
    if (logStartOffset === 0 || !this.#lacksSnapshots) return expect(found).toEqual(whole)
    const least = replay(this.#batches.filter(({ lastOffset }) => lastOffset >= logStartOffset))
    for (const { producerId, producerEpoch, batches } of least) {
      const entry = found.find((each) => each.producerId === producerId)
      expect(entry?.producerEpoch).toBe(producerEpoch)
      expect(entry!.batches.slice(-batches.length)).toEqual(batches)
    }
    for (const { producerId, producerEpoch, batches } of found) {
      const entry = whole.find((each) => each.producerId === producerId)
      expect(entry?.producerEpoch).toBe(producerEpoch)
      expect(entry!.batches.slice(-batches.length)).toEqual(batches)
    }
  }
}

/** `MILLRACE_SEED=17` runs only that one. */
const only = process.env['MILLRACE_SEED']

test(`what is known of producers is a replay of the log, whatever happens to it (${SEEDS} seeds)`, () => {
  const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)]
  for (const seed of seeds) {
    try {
      new Run(seed).steps(STEPS)
    } catch (error) {
      throw new Error(
        `MILLRACE_SEED=${seed} npx vitest run --project unit packages/storage/test/producer/log-producers.test.ts`,
        { cause: error },
      )
    }
  }
}, 60_000)

const sent = (sequence: number, records = 2, valueBytes = 10): Buffer =>
  batch({ records, valueBytes, producerId: 1, producerEpoch: 0, baseSequence: sequence })

const snapshots = (disk: SimDisk): number[] =>
  segmentFiles(disk, '.snapshot').map((name) => parseInt(name, 10))

describe('snapshots', () => {
  test('are made where segments begin and at a clean close, and go with their segments', () => {
    const disk = simDisk()
    const clock = new TestClock()
    const log = openLog(disk, { clock })
    for (let index = 0; index < 12; index++) write(log, sent(2 * index, 2, 600))
    flush(log, disk)
    const bases = segmentFiles(disk).map((name) => parseInt(name, 10))
    expect(bases.length).toBeGreaterThan(2)
    expect(snapshots(disk)).toEqual(bases.slice(1))
    log.updateConfig({ ...SMALL, retentionBytes: 1 })
    log.applyRetention(clock.wallNow, log.logEndOffset)
    flush(log, disk)
    expect(snapshots(disk)).toEqual([log.logStartOffset])
    expect(log.checkProducers(sent(22, 2, 600)).kind).toBe('duplicate')
    close(log, disk)
    expect(snapshots(disk)).toEqual([log.logEndOffset])
  })

  test('are not made of a log that no batch was written to', () => {
    const disk = simDisk()
    close(openLog(disk), disk)
    expect(segmentFiles(disk, '.snapshot', DIRECTORY)).toEqual([])
    const again = openLog(disk, { cleanShutdown: true })
    write(again, sent(0))
    expect(known(again.producers)).toHaveLength(1)
    close(again, disk)
    expect(segmentFiles(disk, '.snapshot', DIRECTORY)).toHaveLength(1)
  })

  test('spare the next opening a scan, and hold the last five batches of a producer', () => {
    const disk = simDisk()
    const log = openLog(disk)
    for (let index = 0; index < 7; index++) write(log, sent(2 * index))
    close(log, disk)
    const again = openLog(disk, { recoveryPoint: offset(14), cleanShutdown: true })
    expect(again.producers).toEqual(log.producers)
    expect([0, 4, 12].map((sequence) => again.checkProducers(sent(sequence)).kind)).toEqual([
      'refused',
      'duplicate',
      'duplicate',
    ])
  })

  test('that find no space on the disk are left out, and the log rolls all the same', () => {
    const disk = simDisk()
    const log = openLog(disk, { config: { segmentBytes: 300 } })
    disk.fail({ operation: 'pwritev', path: /\.snapshot$/, code: 'ENOSPC' })
    for (let index = 0; index < 4; index++) write(log, sent(2 * index, 2, 60))
    expect(flush(log, disk)).toBeNull()
    expect(log.segmentCount).toBeGreaterThan(1)
    expect(log.failure).toBeNull()
  })
})

describe('a damaged log', () => {
  test('knows its producers again once the damage is cut off', () => {
    const disk = simDisk()
    const log = openLog(disk, { config: { segmentBytes: 300 } })
    for (let index = 0; index < 6; index++) write(log, sent(2 * index, 2, 60))
    flush(log, disk)
    disk.crash({ mode: 'none' })
    const recoveryPoint = log.recoveryPoint
    const last = segmentFiles(disk).at(-1)!
    disk.replaceAtRest(`${DIRECTORY}/${last}`, (bytes) => bytes.fill(0))
    const damaged = openLog(disk, { recoveryPoint, config: { segmentBytes: 300 } })
    expect(damaged.corruption).not.toBeNull()
    damaged.truncateTo(damaged.corruption!.offset)
    flush(damaged, disk)
    const known = damaged.logEndOffset
    expect(known).toBeGreaterThan(0)
    expect(damaged.checkProducers(sent(known - 2)).kind).toBe('duplicate')
    expect(damaged.checkProducers(sent(known)).kind).toBe('append')
  })
})

describe('a write that fails', () => {
  test('takes back what was known of its batches', () => {
    const disk = simDisk()
    const log = openLog(disk)
    write(log, sent(0))
    log.append(sent(2), epoch(0))
    expect(log.checkProducers(sent(2)).kind).toBe('duplicate')
    disk.setCapacity(0)
    expect(diskErrorOf(() => log.writeStaged()).code).toBe('ENOSPC')
    disk.setCapacity(null)
    expect(log.checkProducers(sent(2)).kind).toBe('append')
    expect(log.checkProducers(sent(0)).kind).toBe('duplicate')
  })
})

describe('a follower', () => {
  test('takes batches of several epochs in one buffer as they are, and knows their producers', () => {
    const leaderDisk = simDisk()
    const leader = openLog(leaderDisk)
    const batches = [sent(0), sent(2), sent(4)]
    batches.forEach((bytes, index) => write(leader, bytes, index))
    const log = openLog(simDisk())
    const { baseOffset, lastOffset } = log.appendAsFollower(Buffer.concat(batches))
    log.writeStaged()
    expect([baseOffset, lastOffset]).toEqual([0, 5])
    expect(log.leaderEpochs).toEqual(leader.leaderEpochs)
    expect(known(log.producers)).toEqual(known(leader.producers))
  })

  test('that starts anew at an offset knows nobody', () => {
    const disk = simDisk()
    const log = openLog(disk)
    write(log, sent(0))
    log.truncateFullyAndStartAt(offset(50))
    flush(log, disk)
    expect(log.producers).toEqual([])
    expect(segmentFiles(disk, '.snapshot', DIRECTORY)).toEqual([])
  })
})

describe('a truncation at or above the end', () => {
  test('drops an epoch that began there without a record, durably', () => {
    const disk = simDisk()
    const checkpoints = new TestCheckpoints()
    const log = openLog(disk, { checkpoints })
    write(log, sent(0), 3)
    log.assignEpochStart(epoch(5))
    flush(log, disk)
    log.truncateTo(log.logEndOffset)
    expect(log.leaderEpochs).toEqual([{ epoch: 3, startOffset: 0 }])
    flush(log, disk)
    disk.crash({ mode: 'none' })
    const again = openLog(disk, { recoveryPoint: log.recoveryPoint })
    expect(again.leaderEpochs).toEqual([{ epoch: 3, startOffset: 0 }])
  })
})
