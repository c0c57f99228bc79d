/**
 * Folders of partitions that the metadata does not know: their topic was deleted while this broker was down, or the
 * data folder is not the one that the metadata belongs to. They are kept, but under a name that no partition can take.
 */
import type { Env } from '@millrace/base'
import type { MetadataImage } from '@millrace/metadata'
import { partitionFolderName } from '@millrace/storage'
import type { LogDirectory } from '@millrace/storage'

/**
 * @returns names of the folders of partitions that the metadata knows, those that do not say whose they are aside
 * @throws DiskError
 */
export async function setStraysAside(
  { disk, log }: Pick<Env, 'disk' | 'log'>,
  directory: Pick<LogDirectory, 'path' | 'partitions' | 'forget'>,
  image: MetadataImage,
): Promise<ReadonlySet<string>> {
  const claimed = new Set<string>()
  for (const { topic, partition, topicId } of directory.partitions()) {
    if (topicId === null) continue
    const name = partitionFolderName(topic, partition)
    const owner = image.topics.byId(topicId)
    if (owner?.name === topic) claimed.add(name)
    if (owner !== undefined) continue
    const folder = `${directory.path}/${name}`
    const aside = `${folder}.${Buffer.from(topicId, 'base64url').toString('hex')}-stray`
    await new Promise<void>((resolve, reject) =>
      directory.forget({ topic, partition }, (error) => (error === null ? resolve() : reject(error))),
    )
    disk.rename(folder, aside)
    log.warn(
      { folder: aside },
      'a folder of an unknown partition was set aside: delete it when nobody misses it',
    )
  }
  return claimed
}
