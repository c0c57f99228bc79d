import { expect, test } from 'vitest'
import { NEW_LOG, recoverLog } from '../src/index.ts'
import { DIRECTORY, offset, simDisk } from './rig.ts'

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
