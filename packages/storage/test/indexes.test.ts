import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OffsetIndex } from '../src/offset-index.ts'
import { TimeIndex } from '../src/time-index.ts'
import { batch, close, DIRECTORY, flush, offset, openLog, simDisk, time, write } from './rig.ts'

const PATH = '/data/x.index'

describe('offset index', () => {
  test('finds the last entry at or before an offset, in memory and on disk alike', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000), { maxLength: 60 }), fc.nat(1100), (offsets, wanted) => {
        const sorted = offsets.toSorted((a, b) => a - b)
        const index = OffsetIndex.create(simDisk(), PATH, offset(0))
        sorted.forEach((each, position) => index.append(offset(each), (position + 1) * 10))
        const at = sorted.findLastIndex((each) => each <= wanted)
        expect(index.lookup(offset(wanted))).toBe((at + 1) * 10)
        index.file.seal()
        expect(index.lookup(offset(wanted))).toBe((at + 1) * 10)
        index.file.load()
        index.truncateTo(offset(wanted))
        expect(index.file.entries).toBe(sorted.filter((each) => each < wanted).length)
      }),
    )
  })

  test('has Kafka’s format: relative offset and position, 4 bytes each', () => {
    const disk = simDisk()
    const index = OffsetIndex.create(disk, PATH, offset(1000))
    index.append(offset(1007), 0x0102)
    index.file.persist()
    expect(disk.contentOf(PATH).toString('hex')).toBe('0000000700000102')
  })

  test('writes only what is new, and cuts what was dropped', () => {
    const disk = simDisk()
    const index = OffsetIndex.create(disk, PATH, offset(0))
    for (let entry = 1; entry <= 5; entry++) index.append(offset(entry), entry)
    index.file.persist()
    index.truncateTo(offset(3))
    index.append(offset(9), 9)
    index.file.persist()
    expect(disk.contentOf(PATH)).toHaveLength(3 * 8)
    expect(OffsetIndex.open(disk, PATH, offset(0)).last()).toEqual({ offset: 9, position: 9 })
  })
})

describe('an index without an entry', () => {
  test('has no file, whatever its log goes through', () => {
    const disk = simDisk()
    const log = openLog(disk)
    flush(log, disk)
    close(log, disk)
    const names = () => disk.list(DIRECTORY).map(({ name }) => name)
    expect(names()).toContain('00000000000000000000.log')
    expect(names().filter((name) => name.endsWith('index'))).toEqual([])
    const again = openLog(disk, { cleanShutdown: true })
    close(again, disk)
    expect(names().filter((name) => name.endsWith('index'))).toEqual([])
  })

  test('is not opened, read or written when its log is opened', () => {
    const disk = simDisk()
    close(openLog(disk), disk)
    const looked: string[] = []
    const watched = new Proxy(disk, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown
        if (typeof member !== 'function') return member
        return (...values: unknown[]): unknown => {
          if (String(values[0]).endsWith('index')) looked.push(`${String(name)} ${String(values[0])}`)
          return Reflect.apply(member, target, values)
        }
      },
    })
    const log = openLog(watched, { cleanShutdown: true })
    expect(looked.filter((call) => !call.startsWith('exists'))).toEqual([])
    close(log, disk)
  })

  test('empties the file of another one that had its name', () => {
    const disk = simDisk()
    const old = OffsetIndex.create(disk, PATH, offset(0))
    old.append(offset(1), 10)
    old.file.persist()
    old.file.close()
    const index = OffsetIndex.create(disk, PATH, offset(0))
    index.file.persist()
    expect(disk.contentOf(PATH)).toHaveLength(0)
  })
})

describe('an index that did not change', () => {
  test('is neither written nor synced again', () => {
    const disk = simDisk()
    const index = OffsetIndex.create(disk, PATH, offset(0))
    index.append(offset(1), 10)
    index.file.persist()
    let synced = 0
    index.file.sync(() => synced++)
    disk.settle()
    expect(synced).toBe(1)
    const before = disk.changes
    index.file.persist()
    index.file.sync(() => synced++)
    expect(disk.changes).toBe(before)
  })
})

describe('time index', () => {
  test('leads to an offset below which nothing is as young', () => {
    const index = TimeIndex.create(simDisk(), PATH, offset(0))
    for (const [timestamp, at] of [
      [100, 5],
      [90, 6],
      [100, 7],
      [200, 9],
      [300, 20],
    ] as const) {
      index.maybeAppend(time(timestamp), offset(at))
    }
    expect(index.file.entries).toBe(3)
    const lookup = (timestamp: number) => index.lower(time(timestamp))?.offset ?? null
    expect([lookup(100), lookup(101), lookup(200), lookup(201), lookup(999)]).toEqual([null, 5, 5, 9, 20])
  })
})

describe('indexes that were lost or cut', () => {
  test.each(['.index', '.timeindex'])('%s of any segment is made anew from the batches', (suffix) => {
    for (const how of ['delete', 'cut', 'empty'] as const) {
      const disk = simDisk()
      const log = openLog(disk)
      for (let index = 0; index < 60; index++) write(log, batch({ timestamp: 1000 + index, valueBytes: 150 }))
      flush(log, disk)
      close(log, disk)
      disk.crash({ mode: 'none' })
      const names = disk
        .list(DIRECTORY)
        .map(({ name }) => name)
        .filter((name) => name.endsWith(suffix))
      const before = names.map((name) => disk.contentOf(`${DIRECTORY}/${name}`).toString('hex'))
      for (const name of names) {
        const path = `${DIRECTORY}/${name}`
        if (how === 'delete') disk.deleteAtRest(path)
        else disk.replaceAtRest(path, (bytes) => bytes.subarray(0, how === 'cut' ? bytes.length - 3 : 0))
      }
      const again = openLog(disk, { cleanShutdown: true })
      for (let at = 0; at < 60; at++)
        expect(again.findByTimestamp(time(1000 + at), offset(60))?.offset).toBe(at)
      close(again, disk)
      if (how !== 'empty')
        expect(names.map((name) => disk.contentOf(`${DIRECTORY}/${name}`).toString('hex'))).toEqual(before)
    }
  })
})
