/** Power cuts at every step of writing: what was acknowledged is there afterwards, whole, and the log goes on. */
import { type CrashMode, type SimDisk, SimulatedStop } from '@millrace/sim'
import { expect, test } from 'vitest'
import type { MetadataLog } from '../src/metadata-log.ts'
import { drive, openLog, simDisk, topicNumbers, topicRecords } from './rig.ts'

const TOPICS = 6
const MODES: readonly CrashMode[] = ['none', 'all', 'prefix', 'subset', 'torn', 'zeros', 'random']

/** Topics are created in pairs that share a flush. @returns numbers of those that were acknowledged before the stop */
async function createUntilStopped(disk: SimDisk, from: number): Promise<number[]> {
  const acknowledged: number[] = []
  const append = async (log: MetadataLog, number: number) => {
    await log.append(topicRecords(number))
    acknowledged.push(number)
  }
  try {
    const log = await openLog(disk)
    for (let number = from; number < from + TOPICS; number += 2) {
      await drive(disk, Promise.all([append(log, number), append(log, number + 1)]))
    }
    await drive(disk, log.close())
  } catch (error) {
    if (!(error instanceof SimulatedStop)) throw error
  }
  return acknowledged
}

async function changesOfOneRun(): Promise<number> {
  const disk = simDisk()
  await createUntilStopped(disk, 0)
  return disk.changes
}

test.each(MODES)(
  'a power cut at any step loses no acknowledged creation (unsynced writes: %s)',
  async (mode) => {
    const changes = await changesOfOneRun()
    expect(changes).toBeGreaterThan(20)
    for (let stop = 0; stop <= changes; stop++) {
      const disk = simDisk(stop)
      disk.stopAfter(stop)
      const acknowledged = await createUntilStopped(disk, 0)
      disk.crash({ mode })

      const recovered = topicNumbers((await openLog(disk)).image)
      const where = `stopped after ${stop} of ${changes} changes`
      expect(recovered, where).toEqual(Array.from({ length: recovered.length }, (_, index) => index))
      expect(recovered.length, where).toBeGreaterThanOrEqual(acknowledged.length)

      // What a recovered log shows counts as committed: it must survive the next power cut, too.
      disk.crash({ mode: 'none' })
      expect(topicNumbers((await openLog(disk)).image), where).toEqual(recovered)
      const more = await createUntilStopped(disk, recovered.length)
      expect(more.length, where).toBe(TOPICS)
      disk.crash({ mode: 'none' })
      expect(topicNumbers((await openLog(disk)).image), where).toEqual([...recovered, ...more])
    }
  },
)
