import { randomUuid } from '@millrace/base'
import { nodeEntropy, silentLog } from '@millrace/base/node'
import type { PartitionFolder } from '@millrace/storage'
import { expect, it } from 'vitest'
import { setStraysAside } from '../../src/supervisor/stray-folders.ts'
import { FaultyDisk } from '../support/faulty-disk.ts'
import { LocalMetadata } from '../support/local-metadata.ts'

it('tells which folders are known to be of the topic that they are named after, so that nobody reads them again', async () => {
  const metadata = new LocalMetadata()
  metadata.createTopic('kept')
  metadata.createTopic('other')
  const idOf = (name: string) => metadata.image.topics.byName(name)!.id
  const folders: PartitionFolder[] = [
    { topic: 'kept', partition: 0, topicId: idOf('kept') },
    { topic: 'unsaid', partition: 0, topicId: null },
    { topic: 'renamed', partition: 0, topicId: idOf('other') },
    { topic: 'deleted', partition: 0, topicId: randomUuid(nodeEntropy) },
  ]
  const renamed: string[] = []
  const disk = Object.create(new FaultyDisk().disk, {
    rename: { value: (from: string) => void renamed.push(from) },
  }) as FaultyDisk['disk']
  const claimed = await setStraysAside(
    { disk, log: silentLog },
    { path: '/data', partitions: () => folders, forget: (_, done) => queueMicrotask(() => done(null)) },
    metadata.image,
  )
  expect([...claimed]).toEqual(['kept-0'])
  expect(renamed).toEqual(['/data/deleted-0'])
})
