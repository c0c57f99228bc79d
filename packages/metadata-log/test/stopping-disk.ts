/** Disks that a process gets in the place of a simulated one. */
import { type Disk, DiskError, type FileId } from '@millrace/base'
import { type SimDisk, SimulatedStop } from '@millrace/sim'

/**
 * A stopped disk looks to the process like one that fails: it must not make anything worse on its way out.
 * @returns the disk; where it would end the test by an exception of its own, the process gets an error of the disk
 */
export function stoppingDisk(disk: SimDisk): Disk {
  return new Proxy(disk, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      return (...values: unknown[]): unknown => {
        try {
          return Reflect.apply(member, target, values)
        } catch (error) {
          if (!(error instanceof SimulatedStop)) throw error
          // Nobody expects that closing fails, and nothing depends on it.
          if (name === 'close') return undefined
          throw new DiskError('EIO', String(values[0]), String(name))
        }
      }
    },
  })
}

/** @returns the disk; of files whose path matches it never tells that they are synced */
export function diskSilentOn(path: RegExp): (disk: SimDisk) => Disk {
  return (disk) => {
    const silent = new Set<FileId>()
    const overrides: Pick<Disk, 'open' | 'sync'> = {
      open(opened, mode) {
        const file = disk.open(opened, mode)
        if (path.test(opened)) silent.add(file)
        return file
      },
      sync(file, done) {
        if (!silent.has(file)) disk.sync(file, done)
      },
    }
    return new Proxy(disk, {
      get(target, name) {
        const member = (Reflect.get(overrides, name) ?? Reflect.get(target, name)) as unknown
        return typeof member === 'function' ? (member.bind(target) as unknown) : member
      },
    })
  }
}
