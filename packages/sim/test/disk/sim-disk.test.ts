import { DiskError, type FileId, seededRng } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import type { CrashMode } from '../../src/disk/crash-mode.ts'
import { SimDisk, type SimDiskOptions } from '../../src/disk/sim-disk.ts'
import { SimulatedStop } from '../../src/kernel/simulated-stop.ts'

const PATH = '/data/file'

function simDisk(options: Partial<SimDiskOptions> = {}): SimDisk {
  const disk = new SimDisk({ rng: seededRng(1), ...options })
  disk.mkdir('/data')
  disk.syncDir('/', () => undefined)
  disk.settle()
  return disk
}

/** A durable file with `content`, open. */
function durableFile(disk: SimDisk, content: string, path = PATH): FileId {
  const file = disk.open(path, 'create')
  disk.pwritev(file, [Buffer.from(content)], 0)
  disk.sync(file, () => undefined)
  disk.syncDir('/data', () => undefined)
  disk.settle()
  return file
}

function text(disk: SimDisk, path = PATH): string {
  return disk.contentOf(path).toString()
}

function codeOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    if (error instanceof DiskError) return error.code
    throw error
  }
  return 'none'
}

describe('a power cut', () => {
  it('keeps content from before a sync and loses what came after it', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    disk.pwritev(file, [Buffer.from('new')], 0)
    expect(text(disk)).toBe('new')
    disk.crash({ mode: 'none' })
    expect(text(disk)).toBe('old')
  })

  it('keeps everything where only the process died', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    disk.pwritev(file, [Buffer.from('new')], 0)
    disk.crash({ mode: 'all' })
    expect(text(disk)).toBe('new')
  })

  it('loses a file whose name was not synced, even when its content was', () => {
    const disk = simDisk()
    const file = disk.open(PATH, 'create')
    disk.sync(file, () => undefined)
    disk.settle()
    disk.crash({ mode: 'none' })
    expect(disk.exists(PATH)).toBe(false)
  })

  it('undoes a rename and an unlink that were not synced', () => {
    const disk = simDisk()
    durableFile(disk, 'a', '/data/a')
    durableFile(disk, 'b', '/data/b')
    disk.rename('/data/a', '/data/c')
    disk.unlink('/data/b')
    expect(disk.list('/data').map(({ name }) => name)).toEqual(['c'])
    disk.crash({ mode: 'none' })
    expect(disk.list('/data').map(({ name }) => name)).toEqual(['a', 'b'])
    expect(text(disk, '/data/a')).toBe('a')
  })

  it('replaces the target of a rename at once, never leaving neither', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = simDisk({ rng: seededRng(seed) })
      durableFile(disk, 'old', '/data/target')
      durableFile(disk, 'new', '/data/temporary')
      disk.rename('/data/temporary', '/data/target')
      disk.crash({ mode: 'random' })
      expect(['old', 'new']).toContain(text(disk, '/data/target'))
    }
  })

  it('grows files with zeros where the mode says so', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    disk.pwritev(file, [Buffer.from('more')], 3)
    disk.crash({ mode: 'zeros' })
    expect(text(disk)).toBe('old\0\0\0\0')
  })

  it('keeps the first writes in order under "prefix", any under "subset"', () => {
    const seen = { prefix: new Set<string>(), subset: new Set<string>() }
    for (const mode of ['prefix', 'subset'] as const) {
      for (let seed = 1; seed <= 60; seed++) {
        const disk = simDisk({ rng: seededRng(seed) })
        const file = durableFile(disk, '...')
        for (const [at, letter] of ['a', 'b', 'c'].entries()) disk.pwritev(file, [Buffer.from(letter)], at)
        disk.crash({ mode })
        seen[mode].add(text(disk))
      }
    }
    expect([...seen.prefix].toSorted()).toEqual(['...', 'a..', 'ab.', 'abc'])
    expect(seen.subset.size).toBe(8)
  })

  it('tears a write at sectors of 512 bytes only', () => {
    const torn = new Set<string>()
    for (let seed = 1; seed <= 60; seed++) {
      const disk = simDisk({ rng: seededRng(seed) })
      const file = durableFile(disk, '.'.repeat(1536))
      disk.pwritev(file, [Buffer.alloc(1000, 'x')], 300)
      disk.crash({ mode: 'torn' })
      const sectors = text(disk).match(/.{1,512}/gs)!
      expect(sectors[0]!.slice(0, 300)).toBe('.'.repeat(300))
      const written = [sectors[0]!.slice(300), sectors[1]!, sectors[2]!.slice(0, 276)]
      for (const part of written) expect(part).toMatch(/^(x+|\.+)$/)
      torn.add(written.map((part) => part[0]).join(''))
    }
    expect(torn.size).toBe(8)
  })

  it('closes all files and drops completions that wait', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    let completed = false
    disk.sync(file, () => (completed = true))
    disk.crash({ mode: 'all' })
    disk.settle()
    expect(completed).toBe(false)
    expect(codeOf(() => disk.size(file))).toBe('EBADF')
  })

  it('is the same for the same seed and calls', () => {
    const outcomes = [1, 2].map(() => {
      const disk = simDisk({ rng: seededRng(7), shortOneIn: 2 })
      const file = durableFile(disk, '')
      for (let at = 0; at < 50; at++) disk.pwritev(file, [Buffer.alloc(700, 65 + (at % 26))], at * 700)
      disk.crash({ mode: 'random' })
      return disk.exists(PATH) ? text(disk) : 'gone'
    })
    expect(outcomes[0]).toBe(outcomes[1])
  })
})

describe('a sync', () => {
  it('covers what was written before it started, not what came while it ran', () => {
    const disk = simDisk()
    const file = durableFile(disk, '')
    disk.pwritev(file, [Buffer.from('one')], 0)
    disk.sync(file, () => undefined)
    disk.pwritev(file, [Buffer.from('two')], 3)
    disk.settle()
    disk.crash({ mode: 'none' })
    expect(text(disk)).toBe('one')
  })

  it('never completes inside the call, and at the scheduled time with a scheduler', () => {
    const due: { delayMs: number; run: () => void }[] = []
    const disk = new SimDisk({
      rng: seededRng(1),
      latencyMsMax: 50,
      schedule: (delayMs, run) => void due.push({ delayMs, run }),
    })
    disk.mkdir('/data')
    const file = disk.open(PATH, 'create')
    let error: DiskError | null | undefined
    disk.sync(file, (outcome) => (error = outcome))
    expect(error).toBeUndefined()
    expect(due[0]!.delayMs).toBeLessThanOrEqual(50)
    due[0]!.run()
    expect(error).toBeNull()
  })

  it('that failed loses the writes for good, also when the next one succeeds', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    disk.pwritev(file, [Buffer.from('new')], 0)
    disk.fail({ operation: 'sync', code: 'EIO', path: /file$/ })
    const outcomes: (string | null)[] = []
    disk.sync(file, (error) => outcomes.push(error?.code ?? null))
    disk.settle()
    disk.sync(file, (error) => outcomes.push(error?.code ?? null))
    disk.settle()
    expect(outcomes).toEqual(['EIO', null])
    expect(text(disk)).toBe('new')
    disk.crash({ mode: 'none' })
    expect(text(disk)).toBe('old')
  })
})

describe('faults', () => {
  it('hit the ordered calls and no others, and name the file', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'content')
    disk.fail({ operation: 'pread', code: 'EIO', path: /file$/, after: 1, times: 2 })
    const read = () => void disk.pread(file, Buffer.alloc(4), 0)
    expect([1, 2, 3, 4].map(() => codeOf(read))).toEqual(['none', 'EIO', 'EIO', 'none'])
    disk.fail({ operation: 'truncate', code: 'EIO' })
    expect(() => disk.truncate(file, 0)).toThrow(PATH)
  })

  it('of space write what fits, then ENOSPC, until there is room', () => {
    const disk = simDisk({ capacityBytes: 10 })
    const file = durableFile(disk, '')
    expect(disk.pwritev(file, [Buffer.alloc(6), Buffer.alloc(6)], 0)).toBe(10)
    expect(codeOf(() => disk.pwritev(file, [Buffer.alloc(1)], 10))).toBe('ENOSPC')
    expect(disk.pwritev(file, [Buffer.alloc(4)], 0)).toBe(4)
    disk.setCapacity(20)
    expect(disk.pwritev(file, [Buffer.alloc(2)], 10)).toBe(2)
  })

  it('of length make reads and writes short, never empty', () => {
    const disk = simDisk({ shortOneIn: 1 })
    const file = durableFile(disk, 'x'.repeat(100))
    for (let turn = 0; turn < 50; turn++) {
      const written = disk.pwritev(file, [Buffer.alloc(40), Buffer.alloc(40)], 0)
      expect(written).toBeGreaterThan(0)
      expect(written).toBeLessThan(80)
    }
  })

  it('of rot change what is stored, for readers and after a power cut', () => {
    const disk = simDisk()
    durableFile(disk, 'a')
    disk.flipBit(PATH, 0, 1)
    expect(text(disk)).toBe('c')
    disk.crash({ mode: 'none' })
    expect(text(disk)).toBe('c')
  })

  it('of the process let nothing through after the stop, until the power cut', () => {
    const disk = simDisk()
    const file = durableFile(disk, 'old')
    disk.stopAfter(1)
    disk.pwritev(file, [Buffer.from('new')], 0)
    expect(() => disk.pwritev(file, [Buffer.from('!')], 0)).toThrow(SimulatedStop)
    expect(() => disk.list('/data')).toThrow(SimulatedStop)
    disk.crash({ mode: 'all' })
    expect(text(disk)).toBe('new')
  })
})

describe('errors are those of an operating system', () => {
  const cases: readonly (readonly [string, string, (disk: SimDisk) => void])[] = [
    ['open of a missing file', 'ENOENT', (disk) => disk.open('/data/none', 'write')],
    ['open of a directory', 'EISDIR', (disk) => disk.open('/data', 'read')],
    [
      'write to a file opened for reading',
      'EBADF',
      (disk) => disk.pwritev(disk.open(PATH, 'read'), [Buffer.from('x')], 0),
    ],
    ['unlink of a directory', 'EISDIR', (disk) => disk.unlink('/data')],
    ['removal of a directory in use', 'ENOTEMPTY', (disk) => disk.rmdir('/data')],
    ['list of a file', 'ENOENT', (disk) => disk.list(PATH)],
    ['rename of nothing', 'ENOENT', (disk) => disk.rename('/data/none', '/data/other')],
    ['mkdir over a file', 'EEXIST', (disk) => disk.mkdir(PATH)],
    ['use of a closed file', 'EBADF', closeTwice],
  ]

  function closeTwice(disk: SimDisk): void {
    const file = disk.open(PATH, 'read')
    disk.close(file)
    disk.close(file)
  }

  it.each(cases)('%s: %s', (_name, code, run) => {
    const disk = simDisk()
    durableFile(disk, 'x')
    expect(codeOf(() => run(disk))).toBe(code)
  })
})

it('every mode leaves a state between the synced and the current one, whatever the seed', () => {
  const modes: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros', 'random']
  for (let seed = 1; seed <= 200; seed++) {
    const disk = simDisk({ rng: seededRng(seed) })
    const file = durableFile(disk, 'S'.repeat(2000))
    disk.pwritev(file, [Buffer.alloc(3000, 'N')], 1000)
    disk.crash({ mode: modes[seed % modes.length]! })
    const content = text(disk)
    expect(content.length).toBeGreaterThanOrEqual(2000)
    expect(content.length).toBeLessThanOrEqual(4000)
    expect(content).toMatch(/^S{1000}[SN\0]*$/)
  }
})
