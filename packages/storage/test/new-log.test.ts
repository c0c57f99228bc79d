import type { Disk } from '@millrace/base'
import { expect, test } from 'vitest'
import { NEW_LOG, recoverLog } from '../src/index.ts'
import { close, DIRECTORY, offset, openLog, simDisk } from './rig.ts'

test('a log that was never there is what a recovery finds in an empty folder', () => {
  const disk = simDisk()
  disk.mkdir('/data/logs')
  disk.mkdir(DIRECTORY)
  const recovered = recoverLog(disk, {
    directory: DIRECTORY,
    recoveryPoint: offset(0),
    cleanShutdown: false,
    logStartOffset: null,
    indexIntervalBytes: 4096,
    gapsAllowed: false,
  })
  expect(recovered).toEqual(NEW_LOG)
})

test('opening a log without records, of which a broker may have thousands, takes one look into its folder', () => {
  const disk = simDisk()
  close(openLog(disk), disk)
  const calls: string[] = []
  openLog(recording(disk, calls), { cleanShutdown: true, isClaimed: true })
  expect(calls).toEqual([
    `exists ${DIRECTORY}`,
    `list ${DIRECTORY}`,
    `open ${DIRECTORY}/00000000000000000000.log`,
  ])
})

/** Writes down whatever looks for a file by its name. */
function recording(disk: Disk, calls: string[]): Disk {
  return new Proxy(disk, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (property === 'exists' || property === 'list' || property === 'open')
          calls.push(`${property} ${String(args[0])}`)
        return Reflect.apply(value, target, args)
      }
    },
  })
}
